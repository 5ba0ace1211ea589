using System.Globalization;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Autoscaler.Reconcilers;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using AutoscalerPass = Serving.Kubernetes.Reconcilers.ReconcilePass<
    Serving.Api.Autoscaling.PodAutoscaler,
    Serving.Api.Autoscaling.PodAutoscalerStatus
>;

namespace Serving.Autoscaler.Reserve;

/// <summary>
/// Parks the pods of idle revisions and wakes them: both are resizes in place, which neither restart a container nor touch the Deployment's
/// template. Invariants: what is parked follows from the pods, so that nothing is lost with a leader; a revision whose pods are parked
/// costs no request until it gets one.
/// </summary>
/// <param name="events">Records what happened to pods.</param>
/// <param name="isServed">Whether the cluster serves <c>pods/resize</c>.</param>
/// <param name="time">The clock.</param>
internal sealed class Parking(IEventRecorder events, Func<CancellationToken, Task<bool>> isServed, TimeProvider time)
{
    public const string NotSupported = "NotSupported";
    public const string ResizeRefused = "ResizeRefused";
    public const string Infeasible = "Infeasible";
    public const string Deferred = "Deferred";

    /// <summary>A refused wake is tried again: a quota may have room by then.</summary>
    private static readonly TimeSpan WakeAgain = TimeSpan.FromSeconds(10);

    private readonly ResizeMemory _memory = new(time);

    /// <summary>What the revision keeps while it is idle; null when it never asked for parked pods, so that it costs nothing.</summary>
    public RevisionReserve? Of(
        AutoscalerPass pass,
        AutoscalerSettings settings,
        PodSpec? template,
        bool scalesToZero,
        Func<IEnumerable<Pod>> pods
    )
    {
        if (template is null || (settings.Reserve.Scale == 0 && !PodAutoscalerLifecycle.HasParked(pass.Status)))
            return null;
        var plan = ReservePlan.Of(template, settings.Reserve);
        var target = _memory.IsMemoryFixed(pass.Key, settings.Reserve) ? WithoutMemory(plan) : plan;
        return new RevisionReserve(settings, plan, target, scalesToZero, pods());
    }

    /// <summary>Parks every ready pod. Starting ones are parked when they are ready.</summary>
    public async Task ParkAsync(AutoscalerPass pass, RevisionReserve reserve, CancellationToken cancellation)
    {
        await GiveUpInfeasibleAsync(pass, reserve, cancellation);
        var wanted = reserve.Pods.Where(pod => RevisionPods.IsServing(pod) && !PodSize.IsParked(pod, reserve.Target)).ToList();
        if (wanted.Count == 0)
            return;
        if (_memory.RefusalOf(pass.Key, reserve.Settings) is { } refusal)
        {
            pass.LookAgain(refusal.Until - time.GetUtcNow() + TimeSpan.FromSeconds(1));
            return;
        }

        if (!await isServed(cancellation))
        {
            Refuse(pass, reserve, wanted[0], NotSupported, "the cluster does not serve pods/resize, which Kubernetes has since 1.33");
            return;
        }

        foreach (var pod in wanted)
        {
            if (!await ParkAsync(pass, reserve, pod, cancellation))
                return;
        }
    }

    /// <summary>
    /// Gives every parked pod its full size. Returns how many pods do not get it now: their node has no room, or the cluster refused; other
    /// pods must start in their place.
    /// </summary>
    public async Task<int> WakeAsync(AutoscalerPass pass, RevisionReserve reserve, CancellationToken cancellation)
    {
        var parked = reserve.Pods.Where(pod => PodSize.IsReduced(pod, reserve.Plan)).ToList();
        if (parked.Count > 0)
        {
            var outcomes = await Task.WhenAll(
                parked.Select(pod => PodResizer.ResizeAsync(pass.Client, pod, reserve.Plan, park: false, cancellation))
            );
            var woken = 0;
            foreach (var (pod, outcome) in parked.Zip(outcomes))
                woken += Apply(pass, reserve, pod, outcome, wake: true) ? 1 : 0;
            if (woken > 0)
            {
                ResizeMetrics.Woken();
                events.Normal(pass.Object, "Woken", $"Gave {Count(woken)} back the full size of {Sizes(reserve.Plan, parked: false)}");
            }
        }

        if (reserve.Refused is not null)
            pass.LookAgain(WakeAgain);
        return reserve.Pods.Count(pod => PodSize.IsReduced(pod, reserve.Plan) || PodSize.ProgressOf(pod, reserve.Plan).IsPending);
    }

    /// <summary>Sets the condition, and records how long resizes took.</summary>
    public void Observe(AutoscalerPass pass, RevisionReserve? reserve, int want)
    {
        if (reserve is null)
            return;
        foreach (var pod in reserve.Pods)
        {
            if (
                PodSize.ProgressOf(pod, reserve.Plan).State == ResizeState.Granted
                && _memory.Granted(pass.Key, pod.Metadata.Uid) is var (took, wake)
            )
            {
                ResizeMetrics.Granted(wake, took);
            }
        }

        _memory.Keep(pass.Key, [.. reserve.Pods.Select(static pod => pod.Metadata.Uid)]);
        var before = PodAutoscalerLifecycle.ParkedReason(pass.Status);
        var isPending = want > 0 && reserve.Pods.Any(pod => PodSize.ProgressOf(pod, reserve.Plan).IsPending);
        pass.Status = ParkedCondition.Apply(pass.Status, reserve, want, _memory.RefusalOf(pass.Key, reserve.Settings), pass.Now);
        if (isPending && PodAutoscalerLifecycle.ParkedReason(pass.Status) is var reason && reason != before)
        {
            ResizeMetrics.Refused(wake: true, reason);
            events.Warning(
                pass.Object,
                "ResizeDeferred",
                Serving.Api.Conditions.ConditionSet.Get(pass.Status.Conditions, PodAutoscalerLifecycle.Parked)!.Message
            );
        }
    }

    /// <summary>Removes what is remembered of a revision.</summary>
    public void Forget(in ObjectKey key) => _memory.Forget(key);

    /// <summary>The number of pods, with the noun.</summary>
    internal static string Count(int pods) => string.Create(CultureInfo.InvariantCulture, $"{pods} {(pods == 1 ? "pod" : "pods")}");

    /// <summary>The requests of a pod, such as <c>20m CPU and 64Mi memory</c>.</summary>
    internal static string Sizes(ReservePlan plan, bool parked)
    {
        var (cpu, memory) = (plan.Sum(ReservePlan.Cpu), plan.Sum(ReservePlan.Memory));
        List<string> parts = [];
        if (cpu.Full > 0)
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"{(parked ? cpu.Parked : cpu.Full) * 1000:0.###}m CPU"));
        if (memory.Full > 0)
            parts.Add(
                string.Create(CultureInfo.InvariantCulture, $"{(parked ? memory.Parked : memory.Full) / (1024 * 1024):0.#}Mi memory")
            );
        return string.Join(" and ", parts);
    }

    private static ReservePlan WithoutMemory(ReservePlan plan) =>
        plan with
        {
            Changes = [.. plan.Changes.Where(static change => change.Resource != ReservePlan.Memory)],
        };

    /// <summary>Parks one pod; false when that was refused.</summary>
    private async Task<bool> ParkAsync(AutoscalerPass pass, RevisionReserve reserve, Pod pod, CancellationToken cancellation)
    {
        var target = reserve.Target;
        var outcome = await PodResizer.ResizeAsync(pass.Client, pod, target, park: true, cancellation);
        if (
            outcome.Refusal is not null
            && target.Class == QosClass.Guaranteed
            && WithoutMemory(target) is { Changes.Count: > 0 } less
            && less.Changes.Count < target.Changes.Count
        )
        {
            // Kubernetes 1.33 does not lower memory limits without a restart of the container.
            target = less;
            outcome = await PodResizer.ResizeAsync(pass.Client, pod, target, park: true, cancellation);
            if (outcome.Refusal is null)
            {
                _memory.FixMemory(pass.Key, reserve.Settings);
                events.Warning(
                    pass.Object,
                    ResizeRefused,
                    $"The memory of pod {pod.Metadata.Name} stays: its limit cannot be lowered here"
                );
            }
        }

        if (!Apply(pass, reserve, pod, outcome, wake: false))
            return outcome.Refusal is null;
        events.Normal(
            pass.Object,
            "Parked",
            $"Parked pod {pod.Metadata.Name} with requests of {Sizes(target, parked: true)} instead of {Sizes(target, parked: false)}"
        );
        return true;
    }

    /// <summary>Takes over what the server responded; returns whether the pod was resized.</summary>
    private bool Apply(AutoscalerPass pass, RevisionReserve reserve, Pod pod, ResizeOutcome outcome, bool wake)
    {
        if (outcome.Pod is { } newer)
        {
            reserve.Replace(newer);
            if (outcome.WasDone)
                return false;
            _memory.Sent(pass.Key, pod.Metadata.Uid, wake);
            return true;
        }

        if (outcome.Refusal is not { } refusal)
        {
            reserve.Remove(pod);
        }
        else if (wake)
        {
            reserve.Refused = refusal;
            ResizeMetrics.Refused(wake, ResizeRefused);
            events.Warning(pass.Object, ResizeRefused, $"Pod {pod.Metadata.Name} cannot get its full size back: {refusal}");
        }
        else
        {
            Refuse(pass, reserve, pod, ResizeRefused, refusal);
        }

        return false;
    }

    private void Refuse(AutoscalerPass pass, RevisionReserve reserve, Pod pod, string reason, string message)
    {
        _memory.Refuse(pass.Key, reserve.Settings, reason, message);
        ResizeMetrics.Refused(wake: false, reason);
        events.Warning(pass.Object, ResizeRefused, $"Pod {pod.Metadata.Name} cannot be parked and stays at full size: {message}");
        pass.LookAgain(ResizeMemory.RefusalLasts + TimeSpan.FromSeconds(1));
    }

    /// <summary>A node that can never park a pod keeps its resize pending; the pod gets its requests back, so that they say what it
    /// has.</summary>
    private async Task GiveUpInfeasibleAsync(AutoscalerPass pass, RevisionReserve reserve, CancellationToken cancellation)
    {
        foreach (var pod in reserve.Pods.Where(pod => PodSize.IsReduced(pod, reserve.Plan)).ToList())
        {
            if (PodSize.ProgressOf(pod, reserve.Plan) is not { State: ResizeState.Infeasible } progress)
                continue;
            Refuse(pass, reserve, pod, Infeasible, progress.Message);
            var outcome = await PodResizer.ResizeAsync(pass.Client, pod, reserve.Plan, park: false, cancellation);
            if (outcome.Pod is { } newer)
                reserve.Replace(newer);
        }
    }
}
