using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>One reconcile of one PodAutoscaler: what it began with and the status it comes to.</summary>
internal sealed class PodAutoscalerPass
{
    public PodAutoscalerPass(PodAutoscaler original, ConfigSnapshot config, IKubernetesClient client, DateTimeOffset now)
    {
        Original = original;
        Config = config;
        Client = client;
        Now = now;
        Settings = new AutoscalerSettings(original, config.Autoscaler);
        Status = PodAutoscalerLifecycle.Initialize(original.Status, now) with { ObservedGeneration = original.Metadata.Generation };
    }

    public PodAutoscaler Original { get; }

    public ConfigSnapshot Config { get; }

    public IKubernetesClient Client { get; }

    public DateTimeOffset Now { get; }

    public AutoscalerSettings Settings { get; }

    public PodAutoscalerStatus Status { get; set; }

    /// <summary>What could not be done; the rest of the pass goes on.</summary>
    public StepFailures Failures { get; } = new();

    /// <summary>The first child that belongs to somebody else, if any.</summary>
    public NotOwnedException? NotOwned => Failures.All.OfType<NotOwnedException>().FirstOrDefault();

    /// <summary>When to look again, if nothing changes before.</summary>
    public TimeSpan? Again { get; private set; }

    /// <summary>Looks again after <paramref name="wait"/> at the latest.</summary>
    public void LookAgain(TimeSpan? wait)
    {
        if (wait is { } time && (Again is null || time < Again)) Again = time;
    }

    /// <summary>Writes the status when it differs.</summary>
    public async Task WriteStatusAsync(CancellationToken cancellation)
    {
        var changed = Original with { Status = Status };
        if (Children.Same(Resources.PodAutoscalers, Original, changed)) return;
        await Client.UpdateStatusAsync(Resources.PodAutoscalers, changed, cancellation).ConfigureAwait(false);
    }
}
