using Microsoft.AspNetCore.Http;

namespace Serving.Networking.Gateway.Routing;

/// <summary>A header with an exact value that a request must have to match a route.</summary>
internal readonly record struct HeaderRequirement(string Name, string Value)
{
    public bool IsMetBy(IHeaderDictionary headers) =>
        headers.TryGetValue(Name, out var values) && string.Equals(values.ToString(), Value, StringComparison.Ordinal);
}
