using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Serving.Dataplane;

/// <summary>How an upstream connects.</summary>
public sealed record UpstreamOptions
{
    /// <summary>How long one attempt to connect may take.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a connection without a request is kept. Some servers close theirs after 5 s, so it is shorter.</summary>
    public TimeSpan IdleConnectionTimeout { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Connections without a request that are kept to one destination; more are closed.</summary>
    public int MostIdleConnections { get; init; } = 1000;

    /// <summary>What bounds the heads of responses, with those of requests.</summary>
    public HeadBudget HeadBudget { get; init; } = HeadBudget.Shared;

    /// <summary>Where it logs.</summary>
    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;
}
