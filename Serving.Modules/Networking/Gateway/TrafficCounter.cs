using System.Diagnostics;
using Serving.Instruments;
using Serving.Networking.Gateway.Telemetry;
using Serving.Observability.Requests;

namespace Serving.Networking.Gateway;

/// <summary>The counters of the traffic of one Route to one backend, and its attributes in metrics. Thread-safe and non-blocking.</summary>
internal sealed class TrafficCounter(TrafficKey key)
{
    private long _requests;
    private long _errors;
    private int _inFlight;
    private long _lastLatencyTicks;
    private Attributes? _attributes;
    private volatile bool _isRouted = true;

    public TrafficKey Key => key;

    /// <summary>The kinds of its requests in metrics.</summary>
    public RequestKinds Kinds { get; } = new();

    /// <summary>Whether a route refers to it; otherwise it remains until its last request has ended.</summary>
    public bool IsRouted
    {
        get => _isRouted;
        set => _isRouted = value;
    }

    /// <summary>Completed requests.</summary>
    public long Requests => Volatile.Read(ref _requests);

    /// <summary>Requests in flight.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Its attributes in metrics; null before its first request, so that an idle revision has no series.</summary>
    public KeyValuePair<string, object?>[]? Tags => Volatile.Read(ref _attributes)?.Tags;

    /// <summary>Its attributes in metrics with each reason of a retry; none before its first request.</summary>
    public IReadOnlyList<KeyValuePair<string, object?>[]> RetryTags => Volatile.Read(ref _attributes)?.RetryTags ?? [];

    /// <summary>Records the start of a request and returns its timestamp.</summary>
    public long Begin()
    {
        Interlocked.Increment(ref _inFlight);
        return Stopwatch.GetTimestamp();
    }

    /// <summary>Records the end of the request that started at <paramref name="started"/>, and returns its duration.</summary>
    public TimeSpan End(long started, int statusCode)
    {
        var elapsed = Stopwatch.GetElapsedTime(started);
        Volatile.Write(ref _lastLatencyTicks, elapsed.Ticks);
        Interlocked.Decrement(ref _inFlight);
        Interlocked.Increment(ref _requests);
        if (statusCode >= 500)
        {
            Interlocked.Increment(ref _errors);
        }

        return elapsed;
    }

    /// <summary>Makes the attributes in metrics: namespace, Service, Configuration, Revision and Route.</summary>
    /// <param name="owner">What the Revision belongs to; the attributes are made again only when it changes.</param>
    public void Describe(RevisionOwner owner)
    {
        if (ReferenceEquals(Volatile.Read(ref _attributes)?.Owner, owner))
        {
            return;
        }

        Volatile.Write(
            ref _attributes,
            new Attributes(
                owner,
                [
                    .. RevisionNames.Of(key.Namespace, key.Revision, owner.Service, owner.Configuration),
                    GatewayMetrics.RouteName.Of(key.Route),
                ]
            )
        );
    }

    public RevisionTraffic Read() =>
        new(
            key.Namespace,
            key.Backend,
            Volatile.Read(ref _requests),
            Volatile.Read(ref _errors),
            Volatile.Read(ref _inFlight),
            new TimeSpan(Volatile.Read(ref _lastLatencyTicks))
        );

    private sealed record Attributes(RevisionOwner Owner, KeyValuePair<string, object?>[] Tags)
    {
        public KeyValuePair<string, object?>[][] RetryTags => field ??= GatewayMetrics.RetryTags(Tags);
    }
}
