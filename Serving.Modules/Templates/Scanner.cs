using System.Globalization;
using System.Text;

namespace Serving.Templates;

/// <summary>Splits a template into text and the tokens of its actions, without comments and trimmed white space.</summary>
internal sealed class Scanner
{
    private const string Blank = " \t\r\n";

    private readonly string _name;
    private readonly string _text;
    private readonly List<Token> _tokens = [];
    private int _at;
    private int _line = 1;

    private Scanner(string name, string text)
    {
        _name = name;
        _text = text;
    }

    public static List<Token> Scan(string name, string text)
    {
        var scanner = new Scanner(name, text);
        scanner.Run();
        return scanner._tokens;
    }

    private void Run()
    {
        var trimNext = false;
        while (true)
        {
            var open = _text.IndexOf("{{", _at, StringComparison.Ordinal);
            var plain = open < 0 ? _text[_at..] : _text[_at..open];
            var lineOfText = _line;
            _line += plain.Count(c => c == '\n');
            if (trimNext)
                plain = plain.TrimStart(Blank.ToCharArray());
            var trimBefore =
                open >= 0 && open + 3 < _text.Length && _text[open + 2] == '-' && Blank.Contains(_text[open + 3], StringComparison.Ordinal);
            if (trimBefore)
                plain = plain.TrimEnd(Blank.ToCharArray());
            if (plain.Length > 0)
                _tokens.Add(new Token(TokenKind.Text, plain, lineOfText));
            if (open < 0)
                break;
            _at = open + (trimBefore ? 3 : 2);
            trimNext = ScanAction();
        }

        _tokens.Add(new Token(TokenKind.End, "", _line));
    }

    /// <summary>Scans up to and including the closing braces; true when the following text must be trimmed.</summary>
    private bool ScanAction()
    {
        var first = _at;
        while (first < _text.Length && Blank.Contains(_text[first], StringComparison.Ordinal))
            first++;
        if (string.CompareOrdinal(_text, first, "/*", 0, 2) == 0)
            return ScanComment(first);
        _tokens.Add(new Token(TokenKind.Open, "{{", _line));
        var glued = true;
        while (true)
        {
            if (_at >= _text.Length)
                throw Refuse("unclosed action");
            if (ClosesHere(out var length, out var trims))
            {
                _tokens.Add(new Token(TokenKind.Close, "}}", _line));
                _at += length;
                return trims;
            }

            if (Blank.Contains(_text[_at], StringComparison.Ordinal))
            {
                // Skips the whole run of white space: a look-ahead for each of its characters would be quadratic.
                for (; _at < _text.Length && Blank.Contains(_text[_at], StringComparison.Ordinal); _at++)
                {
                    if (_text[_at] == '\n')
                        _line++;
                }

                glued = false;
                continue;
            }

            _tokens.Add(Piece() with { Glued = glued });
            glued = true;
        }
    }

    private bool ClosesHere(out int length, out bool trims)
    {
        var space = _at;
        while (space < _text.Length && Blank.Contains(_text[space], StringComparison.Ordinal))
            space++;
        trims = space > _at && string.CompareOrdinal(_text, space, "-}}", 0, 3) == 0;
        length = trims ? space - _at + 3 : 2;
        return trims || string.CompareOrdinal(_text, _at, "}}", 0, 2) == 0;
    }

    private bool ScanComment(int start)
    {
        var end = _text.IndexOf("*/", start, StringComparison.Ordinal);
        if (end < 0)
            throw Refuse("unclosed comment");
        _line += _text.AsSpan(_at, end - _at).Count('\n');
        _at = end + 2;
        if (!ClosesHere(out var length, out var trims))
            throw Refuse("comment ends before closing delimiter");
        _at += length;
        return trims;
    }

    private Token Piece()
    {
        var c = _text[_at];
        switch (c)
        {
            case '|':
                return Single(TokenKind.Pipe);
            case '(':
                return Single(TokenKind.LeftParen);
            case ')':
                return Single(TokenKind.RightParen);
            case '"':
                return Quoted();
            case '`':
                return Raw();
            case '.':
                return Named(TokenKind.Field, 1);
            case '$':
                return Named(TokenKind.Variable, 1);
        }

        if (char.IsLetter(c) || c == '_')
            return Named(TokenKind.Word, 0);
        if (char.IsAsciiDigit(c) || ((c is '-' or '+') && _at + 1 < _text.Length && char.IsAsciiDigit(_text[_at + 1])))
            return Number();
        return Single(TokenKind.Other);
    }

    private Token Single(TokenKind kind) => new(kind, _text[_at++].ToString(), _line);

    private Token Named(TokenKind kind, int skip)
    {
        var start = _at += skip;
        while (_at < _text.Length && (char.IsLetterOrDigit(_text[_at]) || _text[_at] == '_'))
            _at++;
        return new Token(kind, _text[start.._at], _line);
    }

    private Token Number()
    {
        var start = _at++;
        while (_at < _text.Length && (char.IsLetterOrDigit(_text[_at]) || _text[_at] is '.' or '_'))
            _at++;
        return new Token(TokenKind.Number, _text[start.._at], _line);
    }

    private Token Raw()
    {
        var end = _text.IndexOf('`', _at + 1);
        if (end < 0)
            throw Refuse("unterminated raw quoted string");
        var token = new Token(TokenKind.String, _text[(_at + 1)..end], _line);
        _line += token.Value.Count(c => c == '\n');
        _at = end + 1;
        return token;
    }

    private Token Quoted()
    {
        var value = new StringBuilder();
        for (_at++; _at < _text.Length && _text[_at] != '"'; _at++)
        {
            if (_text[_at] == '\n')
                throw Refuse("unterminated quoted string");
            value.Append(_text[_at] == '\\' ? Escaped() : _text[_at].ToString());
        }

        if (_at >= _text.Length)
            throw Refuse("unterminated quoted string");
        _at++;
        return new Token(TokenKind.String, value.ToString(), _line);
    }

    private string Escaped()
    {
        _at++;
        if (_at >= _text.Length)
            throw Refuse("unterminated quoted string");
        return _text[_at] switch
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
        if (
            _at + digits >= _text.Length
            || !int.TryParse(_text.AsSpan(_at + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            || !Rune.IsValid(code)
        )
        {
            throw Refuse("invalid escape in quoted string");
        }

        _at += digits;
        return new Rune(code).ToString();
    }

    private TemplateException Refuse(string message) => new(_name, _line, message);
}
