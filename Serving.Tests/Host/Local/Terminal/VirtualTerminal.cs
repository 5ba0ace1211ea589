using System.Text;
using Spectre.Console;

namespace Serving.Tests.Host.Local.Terminal;

/// <summary>
/// A terminal of a size that can change: a grid of characters, a cursor, and the few control sequences that the live view uses. When it
/// becomes lower, the rows at the top go, as in most terminals; when it becomes narrower, long rows wrap.
/// </summary>
internal sealed class VirtualTerminal : TextWriter, IAnsiConsoleOutput
{
    private readonly Lock _gate = new();
    private readonly StringBuilder _sequence = new();
    private List<StringBuilder> _rows = [];
    private (int Row, int Column) _cursor;
    private bool _isWrapping = true;

    public VirtualTerminal(int width, int height)
    {
        (Width, Height) = (width, height);
        Console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = AnsiSupport.Yes,
                ColorSystem = ColorSystemSupport.Standard,
                Out = this,
            }
        );
        Fill();
    }

    public IAnsiConsole Console { get; }

    public TextWriter Writer => this;

    public bool IsTerminal => true;

    public int Width { get; private set; }

    public int Height { get; private set; }

    public override Encoding Encoding => Encoding.UTF8;

    public bool IsCursorVisible { get; private set; } = true;

    /// <summary>What is to be seen: the rows without what is blank at their ends and below.</summary>
    public IReadOnlyList<string> Screen
    {
        get
        {
            lock (_gate)
            {
                var seen = _rows.Select(row => row.ToString().TrimEnd()).ToList();
                while (seen is [.., ""])
                    seen.RemoveAt(seen.Count - 1);
                return seen;
            }
        }
    }

    public void SetEncoding(Encoding encoding) { }

    public void Resize(int width, int height)
    {
        lock (_gate)
        {
            var wrapped = _rows
                .SelectMany(row =>
                    row.ToString().TrimEnd() is { Length: > 0 } text ? text.Chunk(width).Select(part => new string(part)) : [""]
                )
                .ToList();
            while (wrapped is [.., ""])
                wrapped.RemoveAt(wrapped.Count - 1);
            (Width, Height) = (width, height);
            _rows = [.. wrapped.TakeLast(height).Select(text => new StringBuilder(text.PadRight(width)))];
            _cursor = (Math.Max(_rows.Count - 1, 0), 0);
            Fill();
        }
    }

    public override void Write(char value)
    {
        lock (_gate)
            Put(value);
    }

    public override void Write(string? value)
    {
        lock (_gate)
        {
            foreach (var character in value ?? "")
                Put(character);
        }
    }

    private void Put(char value)
    {
        if (_sequence.Length > 0 || value == '\e')
        {
            _sequence.Append(value);
            if (_sequence.Length > 2 && char.IsAsciiLetter(value))
            {
                Obey(_sequence.ToString(2, _sequence.Length - 2));
                _sequence.Clear();
            }
        }
        else if (value == '\r')
        {
            _cursor.Column = 0;
        }
        else if (value == '\n')
        {
            NextRow();
        }
        else
        {
            if (_cursor.Column == Width && _isWrapping)
            {
                _cursor.Column = 0;
                NextRow();
            }

            _cursor.Column = Math.Min(_cursor.Column, Width - 1);
            _rows[_cursor.Row][_cursor.Column++] = value;
        }
    }

    private void NextRow()
    {
        if (++_cursor.Row < Height)
            return;
        _rows.RemoveAt(0);
        _cursor.Row = Height - 1;
        Fill();
    }

    private void Obey(string command)
    {
        var count = int.TryParse(command[..^1], out var number) ? number : 1;
        switch (command)
        {
            case "?25l" or "?25h":
                IsCursorVisible = command == "?25h";
                break;
            case "?7l" or "?7h":
                _isWrapping = command == "?7h";
                break;
            case "2J":
                Blank(0);
                break;
            case "J":
                Blank(_cursor.Row + 1);
                _rows[_cursor.Row].Remove(_cursor.Column, Width - _cursor.Column).Append(' ', Width - _cursor.Column);
                break;
            case "2K":
                _rows[_cursor.Row] = new StringBuilder(new string(' ', Width));
                break;
            case "H":
                _cursor = (0, 0);
                break;
            case [.., 'A']:
                _cursor.Row = Math.Max(_cursor.Row - count, 0);
                break;
            case [.., 'm']:
                break;
            default:
                throw new NotSupportedException($"control sequence {command}");
        }
    }

    private void Blank(int from)
    {
        _rows.RemoveRange(from, _rows.Count - from);
        Fill();
    }

    private void Fill()
    {
        while (_rows.Count < Height)
            _rows.Add(new StringBuilder(new string(' ', Width)));
    }
}
