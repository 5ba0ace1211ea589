namespace Serving.StatusPages.Models;

/// <summary>Why there is no page.</summary>
public sealed record ProblemPage : StatusPage
{
    /// <summary>What is wrong, and what to do.</summary>
    public required string Detail { get; init; }

    /// <summary>A page about something that does not exist.</summary>
    public static ProblemPage NotFound(string detail) =>
        new()
        {
            Title = "Not found",
            StatusCode = 404,
            Detail = detail,
        };

    /// <summary>A page about a failure of ours.</summary>
    public static ProblemPage Failed(string detail) =>
        new()
        {
            Title = "Internal error",
            StatusCode = 500,
            Detail = detail,
        };

    /// <summary>A page about a parameter that cannot be used.</summary>
    public static ProblemPage Invalid(string detail) =>
        new()
        {
            Title = "Invalid request",
            StatusCode = 400,
            Detail = detail,
        };
}
