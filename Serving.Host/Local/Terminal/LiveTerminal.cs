using System.Text;
using Spectre.Console;

namespace Serving.Host.Local.Terminal;

/// <summary>
/// A table on a terminal that follows the cluster. It draws over its last frame, without a trailing new line, so that a frame may fill the
/// screen. After a change of size nobody knows where the terminal has moved or wrapped that frame: the screen is cleared, and what was said
/// before the view is said again.
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

            // In place of the frame, which the next tick draws below.
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

            // Without wrapping: a terminal that has become narrower since its size was read must not make two rows of a line.
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
