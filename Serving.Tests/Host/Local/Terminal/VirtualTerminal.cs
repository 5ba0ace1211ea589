using System.Text;
using Spectre.Console;

namespace Serving.Tests.Host.Local.Terminal;

/// <summary>
/// A terminal of a size that can change: a grid of characters, a cursor, and the few control sequences that the live view uses. When it becomes lower, the rows at
/// the top go, as in most terminals; when it becomes narrower, long rows wrap.
/// </summary>
internal sealed class VirtualTerminal : TextWriter, IAnsiConsoleOutput
{
    private readonly Lock gate = new();
    private readonly StringBuilder sequence = new();
    private List<StringBuilder> rows = [];
    private (int Row, int Column) cursor;
    private bool isWrapping = true;

    public VirtualTerminal(int width, int height)
    {
        (Width, Height) = (width, height);
        Console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, ColorSystem = ColorSystemSupport.Standard, Out = this });
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
            lock (gate)
            {
                var seen = rows.Select(row => row.ToString().TrimEnd()).ToList();
                while (seen is [.., ""]) seen.RemoveAt(seen.Count - 1);
                return seen;
            }
        }
    }

    public void SetEncoding(Encoding encoding)
    {
    }

    public void Resize(int width, int height)
    {
        lock (gate)
        {
            var wrapped = rows.SelectMany(row => row.ToString().TrimEnd() is { Length: > 0 } text ? text.Chunk(width).Select(part => new string(part)) : [""]).ToList();
            while (wrapped is [.., ""]) wrapped.RemoveAt(wrapped.Count - 1);
            (Width, Height) = (width, height);
            rows = [.. wrapped.TakeLast(height).Select(text => new StringBuilder(text.PadRight(width)))];
            cursor = (Math.Max(rows.Count - 1, 0), 0);
            Fill();
        }
    }

    public override void Write(char value)
    {
        lock (gate) Put(value);
    }

    public override void Write(string? value)
    {
        lock (gate)
        {
            foreach (var character in value ?? "") Put(character);
        }
    }

    private void Put(char value)
    {
        if (sequence.Length > 0 || value == '\e')
        {
            sequence.Append(value);
            if (sequence.Length > 2 && char.IsAsciiLetter(value))
            {
                Obey(sequence.ToString(2, sequence.Length - 2));
                sequence.Clear();
            }
        }
        else if (value == '\r')
        {
            cursor.Column = 0;
        }
        else if (value == '\n')
        {
            NextRow();
        }
        else
        {
            if (cursor.Column == Width && isWrapping)
            {
                cursor.Column = 0;
                NextRow();
            }

            cursor.Column = Math.Min(cursor.Column, Width - 1);
            rows[cursor.Row][cursor.Column++] = value;
        }
    }

    private void NextRow()
    {
        if (++cursor.Row < Height) return;
        rows.RemoveAt(0);
        cursor.Row = Height - 1;
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
                isWrapping = command == "?7h";
                break;
            case "2J":
                Blank(0);
                break;
            case "J":
                Blank(cursor.Row + 1);
                rows[cursor.Row].Remove(cursor.Column, Width - cursor.Column).Append(' ', Width - cursor.Column);
                break;
            case "2K":
                rows[cursor.Row] = new StringBuilder(new string(' ', Width));
                break;
            case "H":
                cursor = (0, 0);
                break;
            case [.., 'A']:
                cursor.Row = Math.Max(cursor.Row - count, 0);
                break;
            case [.., 'm']:
                break;
            default:
                throw new NotSupportedException($"control sequence {command}");
        }
    }

    private void Blank(int from)
    {
        rows.RemoveRange(from, rows.Count - from);
        Fill();
    }

    private void Fill()
    {
        while (rows.Count < Height) rows.Add(new StringBuilder(new string(' ', Width)));
    }
}
