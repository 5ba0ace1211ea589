using Microsoft.Extensions.Logging;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Statistics;

/// <summary>
/// Takes the measurements of activators in other processes, in every replica: a client that asks the Service <c>autoscaler</c> reaches any of
/// them. What belongs to a part that is decided elsewhere goes on to there, once.
/// </summary>
public sealed partial class StatisticsModule : IServingModule
{
    /// <summary>The path at which measurements come that were sent on already.</summary>
    public const string ForwardedPath = "/forwarded";

    private readonly AutoscalerOptions options;
    private readonly AutoscalerModule autoscaler;
    private readonly StatForwarder forwarder;
    private readonly ILoggerFactory logging;
    private readonly ILogger logger;

    /// <param name="options">Where to listen.</param>
    /// <param name="autoscaler">Decides here.</param>
    /// <param name="forwarder">Reaches <see cref="ForwardedPath"/> of those that decide elsewhere.</param>
    /// <param name="logging">Where it logs to.</param>
    public StatisticsModule(AutoscalerOptions options, AutoscalerModule autoscaler, StatForwarder forwarder, ILoggerFactory logging)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(autoscaler);
        ArgumentNullException.ThrowIfNull(forwarder);
        ArgumentNullException.ThrowIfNull(logging);
        this.options = options;
        this.autoscaler = autoscaler;
        this.forwarder = forwarder;
        this.logging = logging;
        logger = logging.CreateLogger<StatisticsModule>();
    }

    /// <inheritdoc/>
    public string Name => "statistics";

    /// <inheritdoc/>
    public Activation Activation => Activation.Always;

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        await using var server = await StatisticsServer.StartAsync(options, Take, logging, cancellation).ConfigureAwait(false);
        await forwarder.RunAsync(cancellation).ConfigureAwait(false);
    }

    private void Take(WireStatMessage message, bool isForwarded)
    {
        if (autoscaler.TryReport(message.Namespace, message.Name, message.Stat)) return;
        if (isForwarded)
        {
            // Between two leaders; the activator measures again within a second.
            LogHomeless(message.Namespace, message.Name);
        }
        else
        {
            forwarder.Report(message.Namespace, message.Name, message.Stat);
        }
    }

    [LoggerMessage(7, LogLevel.Debug, "A measurement of {Namespace}/{Revision} came to a process that does not decide for it")]
    private partial void LogHomeless(string @namespace, string revision);
}
