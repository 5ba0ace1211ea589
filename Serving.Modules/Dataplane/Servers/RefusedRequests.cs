using System.Diagnostics.Metrics;

namespace Serving.Dataplane.Servers;

/// <summary>Counts requests refused to protect the process, as <c>serving.requests.refused</c> by <c>reason</c>.</summary>
internal static class RefusedRequests
{
    /// <summary>The heads in flight use the whole memory budget.</summary>
    public const string HeadBudget = "head-budget";

    /// <summary>Too many connections have an unfinished head of several frames.</summary>
    public const string UnfinishedHeads = "unfinished-heads";

    /// <summary>No complete request head arrived in time.</summary>
    public const string SlowHead = "slow-head";

    /// <summary>An ambiguous request, or a method that our proxies do not serve.</summary>
    public const string Malformed = "malformed";

    private static readonly Lazy<Counter<long>> Refused = new(static () =>
        new Meter("Serving.Dataplane").CreateCounter<long>(
            "serving.requests.refused",
            "{request}",
            "Requests and connections refused to protect the process, by reason"
        )
    );

    public static void Count(string reason) => Refused.Value.Add(1, new KeyValuePair<string, object?>("reason", reason));
}
