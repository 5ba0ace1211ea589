using Microsoft.AspNetCore.Http;

namespace Serving.Networking.Gateway.Routing;

/// <summary>A header that a request must carry with exactly this value for a route to match.</summary>
internal readonly record struct HeaderRequirement(string Name, string Value)
{
    public bool IsMetBy(IHeaderDictionary headers) => headers.TryGetValue(Name, out var values) && string.Equals(values.ToString(), Value, StringComparison.Ordinal);
}
