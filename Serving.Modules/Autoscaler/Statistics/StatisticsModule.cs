using Microsoft.Extensions.Logging;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;

namespace Serving.Autoscaler.Statistics;

/// <summary>
/// Receives stats from activators in other processes. Runs in every replica, because a client of the Service <c>autoscaler</c> may reach
/// any of them. Stats of a shard led by another process are forwarded to it, once.
/// </summary>
public sealed partial class StatisticsModule : IServingModule
{
    /// <summary>The path for stats that have already been forwarded.</summary>
    public const string ForwardedPath = "/forwarded";

    private readonly StatisticsEndpoint _endpoint;
    private readonly AutoscalerModule _autoscaler;
    private readonly StatForwarder _forwarder;
    private readonly ILogger _logger;

    /// <param name="options">Where to listen.</param>
    /// <param name="autoscaler">The autoscaler in this process.</param>
    /// <param name="forwarder">Forwards to <see cref="ForwardedPath"/> of the processes that lead other shards.</param>
    /// <param name="logging">Creates the loggers.</param>
    public StatisticsModule(AutoscalerOptions options, AutoscalerModule autoscaler, StatForwarder forwarder, ILoggerFactory logging)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(autoscaler);
        ArgumentNullException.ThrowIfNull(forwarder);
        ArgumentNullException.ThrowIfNull(logging);
        _autoscaler = autoscaler;
        _forwarder = forwarder;
        _logger = logging.CreateLogger<StatisticsModule>();
        _endpoint = new StatisticsEndpoint(Take, logging);
        Port = _endpoint.PortAt(options);
    }

    /// <inheritdoc/>
    public string Name => "statistics";

    /// <inheritdoc/>
    public Activation Activation => Activation.Always;

    /// <summary>Where statistics are reported.</summary>
    public ServingPort Port { get; }

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        _endpoint.Open();
        _autoscaler.ScaledFromZero += _endpoint.Announce;
        try
        {
            await _forwarder.RunAsync(cancellation);
        }
        finally
        {
            _autoscaler.ScaledFromZero -= _endpoint.Announce;
            await _endpoint.CloseAsync();
        }
    }

    private void Take(WireStatMessage message, bool isForwarded)
    {
        if (_autoscaler.TryReport(message.Namespace, message.Name, message.Stat))
            return;
        if (isForwarded)
        {
            // A change of leaders; the activator sends a new stat within a second.
            LogHomeless(message.Namespace, message.Name);
        }
        else
        {
            _forwarder.Report(message.Namespace, message.Name, message.Stat);
        }
    }

    [LoggerMessage(7, LogLevel.Debug, "Dropped a stat of {Namespace}/{Revision}: this process does not lead its shard")]
    private partial void LogHomeless(string @namespace, string revision);
}
