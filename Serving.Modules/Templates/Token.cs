namespace Serving.Templates;

/// <summary>What a piece of a template is.</summary>
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

/// <summary>One piece of a template. <paramref name="Glued"/>: it follows the piece before it without a space.</summary>
internal readonly record struct Token(TokenKind Kind, string Value, int Line, bool Glued = false);
