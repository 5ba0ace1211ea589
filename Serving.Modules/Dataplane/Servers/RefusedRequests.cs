using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.Dataplane.Servers;

/// <summary>Counts requests refused to protect the process, as <c>serving.requests.refused</c> by <c>reason</c>.</summary>
internal static class RefusedRequests
{
    /// <summary>The heads in flight use the whole memory budget.</summary>
    public const string HeadBudget = "head-budget";

    /// <summary>A head that repeats entries of the HPACK table, and so is far larger than the bytes received for it.</summary>
    public const string AmplifiedHead = "amplified-head";

    /// <summary>Too many connections have an unfinished head of several frames.</summary>
    public const string UnfinishedHeads = "unfinished-heads";

    /// <summary>No complete request head arrived in time.</summary>
    public const string SlowHead = "slow-head";

    /// <summary>An ambiguous request, or a method that our proxies do not serve.</summary>
    public const string Malformed = "malformed";

    /// <summary>A connection without a valid header of the PROXY protocol.</summary>
    public const string ProxyProtocol = "proxy-protocol";

    /// <summary>A connection beyond the limit of the server.</summary>
    public const string Connections = "connections";

    private static readonly MetricAttribute Reason = new(
        "reason",
        "`head-budget`, `amplified-head`, `unfinished-heads`, `slow-head`, `malformed`, `proxy-protocol` or `connections`"
    );

    private static readonly Meter Meter = new("Serving.Dataplane");

    private static readonly Counter<long> Refused = Meter
        .CreateCounter<long>("serving.requests.refused", "{request}", "Requests and connections refused to protect the process, by reason")
        .With(Reason)
        .StartingAtZero(Reason, HeadBudget, AmplifiedHead, UnfinishedHeads, SlowHead, Malformed, ProxyProtocol, Connections);

    /// <summary>A server runs in this process; creates the instrument, so that it is exported before the first refusal.</summary>
    public static void Declare() => GC.KeepAlive(Refused);

    public static void Count(string reason) => Refused.Add(1, Reason.Of(reason));
}
