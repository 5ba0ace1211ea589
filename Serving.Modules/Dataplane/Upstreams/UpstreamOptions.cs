using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Dataplane.Servers;

namespace Serving.Dataplane.Upstreams;

/// <summary>Connection options of an upstream.</summary>
public sealed record UpstreamOptions
{
    /// <summary>Timeout of one attempt to connect.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long an idle connection is kept. Shorter than the 5 s after which some servers close theirs.</summary>
    public TimeSpan IdleConnectionTimeout { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Maximum number of idle connections per destination.</summary>
    public int MostIdleConnections { get; init; } = 1000;

    /// <summary>The budget shared by the heads of responses and requests.</summary>
    public HeadBudget HeadBudget { get; init; } = HeadBudget.Shared;

    /// <summary>Creates the loggers.</summary>
    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;
}
