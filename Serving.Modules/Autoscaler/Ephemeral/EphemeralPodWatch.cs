using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Autoscaler.Collection;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Autoscaler.Ephemeral;

/// <summary>
/// Replaces the pods of revisions with <c>max-requests-per-pod</c>: asks each pod every second and deletes those that have served their
/// number; their ReplicaSet starts others at once. Invariants: a pod is deleted only when none of its requests is in flight, or when it
/// cannot be used any more, and always gracefully; other revisions cost nothing.
/// </summary>
internal sealed partial class EphemeralPodWatch
{
    /// <summary>The interval between two questions to a pod.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>How long a revision waits after a deletion was rejected.</summary>
    internal static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<ObjectKey, Entry> _revisions = new();
    private readonly ILister<Pod> _pods;
    private readonly Func<ObjectKey, IReadOnlyList<Pod>, string, CancellationToken, Task<PodReport?[]>> _ask;
    private readonly IEventRecorder _events;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Heartbeat _heartbeat;

    /// <param name="pods">The pods of all revisions.</param>
    /// <param name="ask">Asks pods of a revision, which a mesh knows under the name of a Service.</param>
    /// <param name="events">Records failures.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The logger.</param>
    public EphemeralPodWatch(
        ILister<Pod> pods,
        Func<ObjectKey, IReadOnlyList<Pod>, string, CancellationToken, Task<PodReport?[]>> ask,
        IEventRecorder events,
        TimeProvider time,
        ILogger logger
    )
    {
        _pods = pods;
        _ask = ask;
        _events = events;
        _time = time;
        _logger = logger;
        _heartbeat = new Heartbeat("replacing ephemeral pods", StuckAfter, time);
    }

    /// <summary>Null while it asks every second, or is not running; otherwise since when it has been stuck.</summary>
    public string? StuckReason => _heartbeat.StuckReason;

    /// <summary>Raised when the number of <see cref="Occupied"/> pods of a revision changes. Handlers must be fast; any thread.</summary>
    public event Action<ObjectKey>? Changed;

    /// <summary>Watches a revision.</summary>
    /// <param name="autoscaler">Its PodAutoscaler.</param>
    /// <param name="revision">The name of the revision.</param>
    /// <param name="service">The Service of its pods.</param>
    /// <param name="isIdle">Whether its pods are parked and need not be asked.</param>
    public void Note(PodAutoscaler autoscaler, string revision, string service, bool isIdle)
    {
        var entry = _revisions.GetOrAdd(ObjectKey.Of(autoscaler), static _ => new Entry());
        (entry.Autoscaler, entry.Revision, entry.Service, entry.IsIdle) = (autoscaler, revision, service, isIdle);
    }

    /// <summary>The pods of a revision that take no more requests and still serve some.</summary>
    public int Occupied(ObjectKey key) => _revisions.TryGetValue(key, out var entry) ? entry.Occupied : 0;

    /// <summary>Removes a revision.</summary>
    public void Forget(ObjectKey key) => _revisions.TryRemove(key, out _);

    /// <summary>Removes all revisions.</summary>
    public void Clear() => _revisions.Clear();

    /// <summary>Asks and replaces pods until cancelled.</summary>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(Interval, _time);
        try
        {
            _heartbeat.Beat();
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                _heartbeat.Beat();
                if (!_revisions.IsEmpty)
                    await CheckAsync(client, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The term has ended.
        }
        finally
        {
            _heartbeat.Idle();
        }
    }

    /// <summary>Asks all pods once and replaces those that it is time for.</summary>
    internal Task CheckAsync(IKubernetesClient client, CancellationToken cancellation) =>
        Task.WhenAll(_revisions.Select(revision => CheckAsync(client, revision.Key, revision.Value, cancellation)));

    /// <summary>Asks the pods of one revision and replaces those that it is time for.</summary>
    private async Task CheckAsync(IKubernetesClient client, ObjectKey key, Entry entry, CancellationToken cancellation)
    {
        var now = _time.GetUtcNow();
        if (entry.IsIdle || now < entry.PausedUntil)
            return;
        var pods = RevisionPods
            .Live(_pods, key.Namespace, entry.Revision)
            .Where(static pod => pod.Status is { Phase: "Running", PodIP.Length: > 0 })
            .ToList();
        var reports = pods.Count == 0 ? [] : await _ask(key, pods, entry.Service, cancellation);
        var occupied = reports.Count(static report => report is { IsSpent: true, InFlight: > 0 });
        if (entry.Occupied != occupied)
        {
            entry.Occupied = occupied;
            Changed?.Invoke(key);
        }

        await Task.WhenAll(
            pods.Zip(reports, (pod, report) => (Pod: pod, Reason: EphemeralPod.ReplacedBecause(pod, report, now)))
                .Where(static one => one.Reason is not null)
                .Select(one => ReplaceAsync(client, entry, one.Pod, one.Reason!, cancellation))
        );
    }

    private async Task ReplaceAsync(IKubernetesClient client, Entry entry, Pod pod, string reason, CancellationToken cancellation)
    {
        try
        {
            if (!await ChildObjects.DeleteAsync(client, Resources.Pods, pod, cancellation))
                return;
            ReplacementMetrics.Replaced(reason);
            LogReplaced(pod.Metadata.Namespace, pod.Metadata.Name, reason);
        }
        catch (KubernetesException failure)
        {
            ReplacementMetrics.Failed();
            entry.PausedUntil = _time.GetUtcNow() + AfterFailure;
            if (failure.IsRefusal)
                _events.Warning(
                    entry.Autoscaler!,
                    "ReplaceRefused",
                    $"Pod {pod.Metadata.Name} cannot be replaced: {failure.Status.Message}"
                );
            LogFailed(pod.Metadata.Namespace, pod.Metadata.Name, failure.Message);
        }
    }

    [LoggerMessage(23, LogLevel.Debug, "Replacing pod {Namespace}/{Pod}: {Reason}")]
    private partial void LogReplaced(string @namespace, string pod, string reason);

    [LoggerMessage(24, LogLevel.Warning, "Pod {Namespace}/{Pod} takes no more requests and was not deleted: {Reason}")]
    private partial void LogFailed(string @namespace, string pod, string reason);

    private sealed class Entry
    {
        public PodAutoscaler? Autoscaler { get; set; }

        public string Revision { get; set; } = "";

        public string Service { get; set; } = "";

        public volatile bool IsIdle;

        public volatile int Occupied;

        public DateTimeOffset PausedUntil { get; set; }
    }
}
