using System.Text.Json.Serialization;

namespace Serving.StatusPages.Models;

/// <summary>The model of one page, which is rendered as HTML or written as JSON. Invariant: it is a copy of what was true at one moment,
/// of bounded size and without secrets.</summary>
public abstract record StatusPage
{
    /// <summary>The heading.</summary>
    public required string Title { get; init; }

    /// <summary>The status code of the response.</summary>
    [JsonIgnore]
    public int StatusCode { get; init; } = 200;
}
