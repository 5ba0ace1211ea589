using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Networking;
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

    /// <summary>Says in the status which child is missing, if it is one that the pass failed for.</summary>
    public void Fail(Exception failure) => Status = failure switch
    {
        NotOwnedException taken => PodAutoscalerLifecycle.MarkResourceNotOwned(Status, taken.Kind, taken.Key.Name, Now, taken.Holder),
        ChildRefusedException { Kind: "HorizontalPodAutoscaler" } refused => PodAutoscalerLifecycle.MarkResourceFailedCreation(
            Status, refused.Kind, refused.Key.Name, Now, refused.Refusal.Status.Message),

        // What is scaled already goes on being active.
        ChildRefusedException refused => PodAutoscalerLifecycle.MarkSksFailed(Status, ChildRefusedException.Reason, refused.ConditionMessage, Now),
        _ => Status,
    };

    /// <summary>Takes over whether the ServerlessService can lead to pods.</summary>
    public void Observe(ServerlessService service) => Status = ConditionSet.Get(service.Status.Conditions, ServerlessServiceLifecycle.Ready) switch
    {
        _ when ServerlessServiceLifecycle.IsReady(service) => PodAutoscalerLifecycle.MarkSksReady(Status, Now),
        { Status: ConditionStatus.False } failed => PodAutoscalerLifecycle.MarkSksFailed(Status, failed.Reason, failed.Message, Now),
        var waiting => PodAutoscalerLifecycle.MarkSksNotReady(Status, waiting?.Message ?? "", Now),
    };

    /// <summary>Whether the server only knows more than the cache, as that the namespace goes: nothing is wrong.</summary>
    public static bool IsStaleCache(Exception error)
        => error is KubernetesException { IsConflict: true } or KubernetesException { IsAlreadyExists: true } or KubernetesException { IsNamespaceTerminating: true };

    /// <summary>Writes the status with what it lacks, records what failed, and throws it.</summary>
    public async Task FinishAsync(IEventRecorder events, CancellationToken cancellation)
    {
        foreach (var failure in Failures.All) Fail(failure);
        await Failures.TryAsync(() => WriteStatusAsync(cancellation), cancellation).ConfigureAwait(false);
        foreach (var failure in Failures.All)
        {
            // A Deployment that the cache does not know yet comes by itself.
            if (!IsStaleCache(failure) && failure is not InvalidOperationException) events.Warning(Original, "InternalError", failure.Message);
        }

        Failures.Throw();
    }

    /// <summary>Writes the status when it differs.</summary>
    public async Task WriteStatusAsync(CancellationToken cancellation)
    {
        var changed = Original with { Status = Status };
        if (Children.Same(Resources.PodAutoscalers, Original, changed)) return;
        await Client.UpdateStatusAsync(Resources.PodAutoscalers, changed, cancellation).ConfigureAwait(false);
    }
}
