using System.Globalization;
using System.Text;

namespace Serving.Templates;

/// <summary>Splits a template into text and the tokens of its actions, without comments and trimmed white space.</summary>
internal sealed class Scanner
{
    private const string Blank = " \t\r\n";

    private readonly string name;
    private readonly string text;
    private readonly List<Token> tokens = [];
    private int at;
    private int line = 1;

    private Scanner(string name, string text)
    {
        this.name = name;
        this.text = text;
    }

    public static List<Token> Scan(string name, string text)
    {
        var scanner = new Scanner(name, text);
        scanner.Run();
        return scanner.tokens;
    }

    private void Run()
    {
        var trimNext = false;
        while (true)
        {
            var open = text.IndexOf("{{", at, StringComparison.Ordinal);
            var plain = open < 0 ? text[at..] : text[at..open];
            var lineOfText = line;
            line += plain.Count(c => c == '\n');
            if (trimNext) plain = plain.TrimStart(Blank.ToCharArray());
            var trimBefore = open >= 0 && open + 3 < text.Length && text[open + 2] == '-' && Blank.Contains(text[open + 3], StringComparison.Ordinal);
            if (trimBefore) plain = plain.TrimEnd(Blank.ToCharArray());
            if (plain.Length > 0) tokens.Add(new Token(TokenKind.Text, plain, lineOfText));
            if (open < 0) break;
            at = open + (trimBefore ? 3 : 2);
            trimNext = ScanAction();
        }

        tokens.Add(new Token(TokenKind.End, "", line));
    }

    /// <summary>Scans up to and including the closing braces; true when the following text must be trimmed.</summary>
    private bool ScanAction()
    {
        var first = at;
        while (first < text.Length && Blank.Contains(text[first], StringComparison.Ordinal)) first++;
        if (string.CompareOrdinal(text, first, "/*", 0, 2) == 0) return ScanComment(first);
        tokens.Add(new Token(TokenKind.Open, "{{", line));
        var glued = true;
        while (true)
        {
            if (at >= text.Length) throw Refuse("unclosed action");
            if (ClosesHere(out var length, out var trims))
            {
                tokens.Add(new Token(TokenKind.Close, "}}", line));
                at += length;
                return trims;
            }

            if (Blank.Contains(text[at], StringComparison.Ordinal))
            {
                // Skips the whole run of white space: a look-ahead for each of its characters would be quadratic.
                for (; at < text.Length && Blank.Contains(text[at], StringComparison.Ordinal); at++)
                {
                    if (text[at] == '\n') line++;
                }

                glued = false;
                continue;
            }

            tokens.Add(Piece() with { Glued = glued });
            glued = true;
        }
    }

    private bool ClosesHere(out int length, out bool trims)
    {
        var space = at;
        while (space < text.Length && Blank.Contains(text[space], StringComparison.Ordinal)) space++;
        trims = space > at && string.CompareOrdinal(text, space, "-}}", 0, 3) == 0;
        length = trims ? space - at + 3 : 2;
        return trims || string.CompareOrdinal(text, at, "}}", 0, 2) == 0;
    }

    private bool ScanComment(int start)
    {
        var end = text.IndexOf("*/", start, StringComparison.Ordinal);
        if (end < 0) throw Refuse("unclosed comment");
        line += text.AsSpan(at, end - at).Count('\n');
        at = end + 2;
        if (!ClosesHere(out var length, out var trims)) throw Refuse("comment ends before closing delimiter");
        at += length;
        return trims;
    }

    private Token Piece()
    {
        var c = text[at];
        switch (c)
        {
            case '|': return Single(TokenKind.Pipe);
            case '(': return Single(TokenKind.LeftParen);
            case ')': return Single(TokenKind.RightParen);
            case '"': return Quoted();
            case '`': return Raw();
            case '.': return Named(TokenKind.Field, 1);
            case '$': return Named(TokenKind.Variable, 1);
        }

        if (char.IsLetter(c) || c == '_') return Named(TokenKind.Word, 0);
        if (char.IsAsciiDigit(c) || ((c is '-' or '+') && at + 1 < text.Length && char.IsAsciiDigit(text[at + 1]))) return Number();
        return Single(TokenKind.Other);
    }

    private Token Single(TokenKind kind) => new(kind, text[at++].ToString(), line);

    private Token Named(TokenKind kind, int skip)
    {
        var start = at += skip;
        while (at < text.Length && (char.IsLetterOrDigit(text[at]) || text[at] == '_')) at++;
        return new Token(kind, text[start..at], line);
    }

    private Token Number()
    {
        var start = at++;
        while (at < text.Length && (char.IsLetterOrDigit(text[at]) || text[at] is '.' or '_')) at++;
        return new Token(TokenKind.Number, text[start..at], line);
    }

    private Token Raw()
    {
        var end = text.IndexOf('`', at + 1);
        if (end < 0) throw Refuse("unterminated raw quoted string");
        var token = new Token(TokenKind.String, text[(at + 1)..end], line);
        line += token.Value.Count(c => c == '\n');
        at = end + 1;
        return token;
    }

    private Token Quoted()
    {
        var value = new StringBuilder();
        for (at++; at < text.Length && text[at] != '"'; at++)
        {
            if (text[at] == '\n') throw Refuse("unterminated quoted string");
            value.Append(text[at] == '\\' ? Escaped() : text[at].ToString());
        }

        if (at >= text.Length) throw Refuse("unterminated quoted string");
        at++;
        return new Token(TokenKind.String, value.ToString(), line);
    }

    private string Escaped()
    {
        at++;
        if (at >= text.Length) throw Refuse("unterminated quoted string");
        return text[at] switch
        {
            'n' => "\n",
            't' => "\t",
            'r' => "\r",
            'a' => "\a",
            'b' => "\b",
            'f' => "\f",
            'v' => "\v",
            '\\' => "\\",
            '"' => "\"",
            'x' => Hex(2),
            'u' => Hex(4),
            'U' => Hex(8),
            var other => throw Refuse($"unknown escape \\{other} in quoted string"),
        };
    }

    private string Hex(int digits)
    {
        if (at + digits >= text.Length
            || !int.TryParse(text.AsSpan(at + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            || !Rune.IsValid(code))
        {
            throw Refuse("invalid escape in quoted string");
        }

        at += digits;
        return new Rune(code).ToString();
    }

    private TemplateException Refuse(string message) => new(name, line, message);
}
