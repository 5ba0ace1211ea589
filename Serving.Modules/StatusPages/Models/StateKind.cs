namespace Serving.StatusPages.Models;

/// <summary>What a state means to a person, shown by a word and a symbol, never by colour alone.</summary>
public enum StateKind
{
    /// <summary>It works.</summary>
    Ready,

    /// <summary>It is on its way, or unknown.</summary>
    Waiting,

    /// <summary>It does not work, and will not on its own.</summary>
    Failing,

    /// <summary>It is idle on purpose, or informational.</summary>
    Idle,
}
