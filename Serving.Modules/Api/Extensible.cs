using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Api;

/// <summary>
/// The base of all API documents. Invariant: fields that are not modelled survive a round trip, because they are kept in
/// <see cref="ExtensionData"/> and written back.
/// </summary>
public abstract record Extensible
{
    /// <summary>Fields of the document that the record does not model, by wire name.</summary>
    [JsonExtensionData]
    [JsonInclude]
    [JsonPropertyOrder(1000)]
    public Dictionary<string, JsonElement>? ExtensionData { get; internal set; }
}
