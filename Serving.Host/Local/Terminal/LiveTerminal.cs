using System.Text;
using Spectre.Console;

namespace Serving.Host.Local.Terminal;

/// <summary>
/// A live table of the cluster. Each frame is drawn over the last one, without a trailing new line, so that a frame can fill the screen.
/// After a resize the position and wrapping of the last frame are unknown: the screen is cleared, and the lines printed before the view are
/// printed again.
/// </summary>
internal sealed class LiveTerminal(IAnsiConsole console, TimeProvider time) : ITerminal
{
    private const int MostLines = 50;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private readonly Queue<string> _said = [];
    private readonly Dictionary<string, long> _counts = [];
    private int _drawn;
    private (int Width, int Height) _size;

    public void Line(string text)
    {
        lock (_gate)
        {
            _said.Enqueue(text);
            if (_said.Count > MostLines)
            {
                _said.Dequeue();
            }

            // Replaces the frame; the next tick draws it again below.
            Write((_drawn > 0 ? ToTop() + "\e[J" : "") + text + "\r\n");
            _drawn = 0;
        }
    }

    public async Task ShowAsync(ClusterView view, string title, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            do
            {
                Draw(Live(view.Rows()), title);
            } while (await timer.WaitForNextTickAsync(cancellation));
        }
        finally
        {
            lock (_gate)
            {
                Write(_drawn > 0 ? "\r\n\e[?25h" : "\e[?25h");
                _drawn = 0;
            }
        }
    }

    private void Draw(IReadOnlyList<LiveRow> rows, string title)
    {
        lock (_gate)
        {
            var now = (Math.Max(console.Profile.Width, 1), Math.Max(console.Profile.Height, 1));
            var lines = LiveFrame.Lines(
                rows,
                title,
                now.Item1,
                now.Item2,
                console.Profile.Capabilities.ColorSystem != ColorSystem.NoColors
            );
            var output = new StringBuilder("\e[?25l");
            if (_drawn > 0 && now != _size)
            {
                output.Append("\e[2J\e[H").AppendJoin("", _said.Select(line => line + "\r\n"));
            }
            else
            {
                output.Append(ToTop());
            }

            // Disable wrapping: when the terminal has become narrower since its size was read, a line must not take two rows.
            output.Append("\e[?7l");
            for (var i = 0; i < lines.Count - 1; i++)
            {
                output.Append("\e[2K").Append(lines[i]).Append("\r\n");
            }

            Write(output.Append("\e[J").Append(lines[^1]).Append("\e[?7h").ToString());
            (_drawn, _size) = (lines.Count, now);
        }
    }

    private List<LiveRow> Live(IReadOnlyList<RevisionRow> rows)
    {
        var live = new List<LiveRow>(rows.Count);
        foreach (var row in rows)
        {
            var key = row.Service + "/" + row.Revision;
            live.Add(new(row, (row.Requests - _counts.GetValueOrDefault(key, row.Requests)) / Interval.TotalSeconds));
            _counts[key] = row.Requests;
        }

        return live;
    }

    private string ToTop() => _drawn > 1 ? $"\r\e[{_drawn - 1}A" : "\r";

    private void Write(string text)
    {
        console.Profile.Out.Writer.Write(text);
        console.Profile.Out.Writer.Flush();
    }
}
