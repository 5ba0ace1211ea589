using System.Globalization;

namespace Serving.Templates;

/// <summary>Builds a tree from tokens, and rejects what the subset does not contain, with its name and line.</summary>
/// <remarks>
/// The text cannot determine the depth of the stack: nesting of blocks, parentheses, pipelines and field chains is limited, for this parser
/// and for the execution.
/// </remarks>
internal sealed class Parser(string name, List<Token> tokens)
{
    /// <summary>Maximum nesting of blocks and parentheses, and of expressions.</summary>
    internal const int MostLevels = 100;

    private int _at;
    private int _level;

    private Token Here => tokens[_at];

    public IReadOnlyList<Node> ParseAll()
    {
        var nodes = Block(null);
        return nodes;
    }

    /// <summary>Parses to the <c>{{else…}}</c> or <c>{{end}}</c> of the block started by <paramref name="opener"/>, or to the end of the
    /// text when it is null.</summary>
    private List<Node> Block(Token? opener)
    {
        var nodes = new List<Node>();
        while (true)
        {
            var token = Here;
            switch (token.Kind)
            {
                case TokenKind.End when opener is null:
                    return nodes;
                case TokenKind.End:
                    throw Refuse(opener.Value, $"unexpected EOF: {{{{{opener.Value.Value}}}}} has no {{{{end}}}}");
                case TokenKind.Text:
                    nodes.Add(new TextNode(token.Line, token.Value));
                    _at++;
                    continue;
            }

            var word = tokens[_at + 1];
            if (word is { Kind: TokenKind.Word, Value: "end" or "else" })
            {
                if (opener is null)
                    throw Refuse(word, $"unexpected {{{{{word.Value}}}}}");
                return nodes;
            }

            _at++;
            nodes.Add(Action());
        }
    }

    private Node Action()
    {
        var first = Here;
        if (first.Kind == TokenKind.Close)
            throw Refuse(first, "missing value for command");
        if (first.Kind == TokenKind.Word)
        {
            switch (first.Value)
            {
                case "if" or "with":
                    _at++;
                    return Branch(first);
                case "range" or "define" or "template" or "block" or "break" or "continue":
                    throw Refuse(first, $"\"{first.Value}\" is not supported");
            }
        }

        var value = Pipeline();
        Close();
        return new ActionNode(first.Line, value);
    }

    /// <summary>The rest of <c>{{if X}}…{{else if Y}}…{{else}}…{{end}}</c>, starting at X.</summary>
    private BranchNode Branch(Token opener)
    {
        Descend(opener);
        var test = Pipeline();
        Close();
        var then = Block(opener);
        IReadOnlyList<Node> otherwise = [];
        _at++;
        var word = Here;
        _at++;
        if (word.Value == "else")
        {
            if (Here is { Kind: TokenKind.Word, Value: "if" or "with" } again)
            {
                _at++;
                otherwise = [Branch(again)];
                _level--;
                return new BranchNode(opener.Line, opener.Value == "with", test, then, otherwise);
            }

            Close();
            otherwise = Block(opener);
            _at++;
            var end = Here;
            if (end.Value != "end")
                throw Refuse(end, "expected end; found {{else}}");
            _at++;
        }

        Close();
        _level--;
        return new BranchNode(opener.Line, opener.Value == "with", test, then, otherwise);
    }

    private Expression Pipeline()
    {
        var value = Command(null);
        while (Here.Kind == TokenKind.Pipe)
        {
            _at++;
            value = Command(value);
        }

        return value;
    }

    /// <summary>A function with its arguments, or one operand; <paramref name="piped"/> becomes the last argument.</summary>
    private Expression Command(Expression? piped)
    {
        var first = Here;
        if (first.Kind == TokenKind.Word && first.Value is not ("true" or "false" or "nil"))
        {
            var function = Functions.Find(first.Value) ?? throw Refuse(first, $"function \"{first.Value}\" not defined");
            _at++;
            var arguments = new List<Expression>();
            while (StartsOperand(Here))
                arguments.Add(Operand());
            if (piped is not null)
                arguments.Add(piped);
            if (arguments.Count == 0)
                throw Refuse(first, $"wrong number of args for {first.Value}: want at least 1 got 0");
            return Bounded(new Call(first.Line, first.Value, function, arguments), first);
        }

        var value = Operand();
        if (piped is null && !StartsOperand(Here))
            return value;

        // A field may turn out to be a method; other operands take no arguments.
        if (value is not FieldOf field || tokens[_at - 1].Kind != TokenKind.Field)
        {
            throw piped is null
                ? Refuse(Here, $"can't give argument to non-function \"{first.Value}\"")
                : Refuse(first, $"non executable command in pipeline: \"{first.Value}\"");
        }

        var given = new List<Expression>();
        while (StartsOperand(Here))
            given.Add(Operand());
        if (piped is not null)
            given.Add(piped);
        return Bounded(new MethodCall(field.Line, field.Target, field.Name, given), first);
    }

    private static bool StartsOperand(Token token) =>
        token.Kind
            is TokenKind.Field
                or TokenKind.Word
                or TokenKind.String
                or TokenKind.Number
                or TokenKind.Variable
                or TokenKind.LeftParen;

    private Expression Operand()
    {
        var token = Here;
        _at++;
        Expression value = token.Kind switch
        {
            TokenKind.Field when token.Value.Length == 0 => new Current(token.Line),
            TokenKind.Field => new FieldOf(token.Line, new Current(token.Line), token.Value),
            TokenKind.Variable when token.Value.Length == 0 => new Root(token.Line),
            TokenKind.Variable => throw Refuse(token, $"variable \"${token.Value}\" is not supported"),
            TokenKind.String => new Constant(token.Line, token.Value),
            TokenKind.Number => new Constant(token.Line, Number(token)),
            TokenKind.Word when token.Value is "true" or "false" => new Constant(token.Line, token.Value == "true"),
            TokenKind.Word when token.Value == "nil" => throw Refuse(token, "nil is not a command"),
            TokenKind.Word => new Call(
                token.Line,
                token.Value,
                Functions.Find(token.Value) ?? throw Refuse(token, $"function \"{token.Value}\" not defined"),
                []
            ),
            TokenKind.LeftParen => Parenthesised(token),
            TokenKind.Close or TokenKind.Pipe => throw Refuse(token, "missing value for command"),
            _ => throw Refuse(token, $"unexpected \"{token.Value}\""),
        };
        while (Here is { Kind: TokenKind.Field, Glued: true, Value.Length: > 0 } field)
        {
            _at++;
            value = Bounded(new FieldOf(field.Line, value, field.Value), field);
        }

        return value;
    }

    private Expression Parenthesised(Token open)
    {
        Descend(open);
        var value = Pipeline();
        if (Here.Kind != TokenKind.RightParen)
            throw Refuse(open, "unclosed left paren");
        _at++;
        _level--;
        return value;
    }

    private void Descend(Token token)
    {
        if (++_level > MostLevels)
            throw TooDeep(token);
    }

    private Expression Bounded(Expression value, Token token) => value.Height > MostLevels ? throw TooDeep(token) : value;

    private TemplateException TooDeep(Token token) =>
        Refuse(token, string.Create(CultureInfo.InvariantCulture, $"too deeply nested: there are more than {MostLevels} levels"));

    private object Number(Token token)
    {
        if (long.TryParse(token.Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole))
            return whole;
        if (double.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
            return number;
        throw Refuse(token, $"bad number syntax: \"{token.Value}\"");
    }

    private void Close()
    {
        if (Here.Kind != TokenKind.Close)
            throw Refuse(Here, $"unexpected \"{Here.Value}\" in action");
        _at++;
    }

    private TemplateException Refuse(Token token, string message) => new(name, token.Line, message);
}
