using System.Diagnostics.Metrics;

namespace Serving.Dataplane;

/// <summary>Counts what servers refuse to protect the process, as <c>serving.requests.refused</c> by <c>reason</c>.</summary>
internal static class RefusedRequests
{
    /// <summary>The heads in flight take all the memory that they may.</summary>
    public const string HeadBudget = "head-budget";

    /// <summary>Too many connections are within a head that comes in several frames.</summary>
    public const string UnfinishedHeads = "unfinished-heads";

    /// <summary>No request came, or a head did not end, in time.</summary>
    public const string SlowHead = "slow-head";

    /// <summary>A request that two readers might understand differently, or a method that no proxy of ours serves.</summary>
    public const string Malformed = "malformed";

    private static readonly Lazy<Counter<long>> Refused = new(static () => new Meter("Serving.Dataplane").CreateCounter<long>(
        "serving.requests.refused", "{request}", "Requests and connections refused to protect the process, by reason"));

    public static void Count(string reason) => Refused.Value.Add(1, new KeyValuePair<string, object?>("reason", reason));
}
