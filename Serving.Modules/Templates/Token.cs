namespace Serving.Templates;

/// <summary>The kind of a token.</summary>
internal enum TokenKind
{
    Text,
    Open,
    Close,
    Field,
    Word,
    String,
    Number,
    Variable,
    Pipe,
    LeftParen,
    RightParen,
    Other,
    End,
}

/// <summary>A token of a template. <paramref name="Glued"/>: it follows the previous token without a space.</summary>
internal readonly record struct Token(TokenKind Kind, string Value, int Line, bool Glued = false);
