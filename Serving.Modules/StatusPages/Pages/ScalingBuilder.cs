using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Informers;
using Serving.StatusPages.Models;
using Serving.StatusPages.Sources;

namespace Serving.StatusPages.Pages;

/// <summary>Builds the page about the autoscaler of one revision.</summary>
/// <param name="caches">The caches.</param>
/// <param name="scaling">The autoscaler; null when the process does not run it.</param>
/// <param name="time">The clock.</param>
internal sealed class ScalingBuilder(IInformerCaches caches, IScalingSource? scaling, TimeProvider time)
{
    public StatusPage Build(string ns, string name)
    {
        if (caches.Find(Resources.PodAutoscalers)?.Get(ns, name) is not { } autoscaler)
        {
            return ProblemPage.NotFound($"There is no PodAutoscaler of a Revision {ns}/{name} in the cache of this process.");
        }

        var serverless = caches.Find(Resources.ServerlessServices)?.Get(ns, name);
        var deployment = caches.Find(Resources.Deployments)?.Get(ns, autoscaler.Spec.ScaleTargetRef.Name);
        var pods = Rows.PodsOf(caches.Find(Resources.Pods, labelSelector: ServingKeys.Revision), ns, ServingKeys.Revision, name);
        var classOf = AutoscalingKeys.Class.Value(autoscaler.Metadata.Annotations) ?? AutoscalingKeys.KpaClass;
        var reading = classOf == AutoscalingKeys.KpaClass ? scaling?.Read(ns, name) : null;
        var explanation = reading?.Explanation;
        var mode = serverless?.Spec.Mode ?? "";
        var (ready, wanted) = (pods.Count(PodState.IsServing), Wanted(autoscaler));
        return new ScalingPage
        {
            Title = $"Autoscaler of {ns}/{name}",
            Namespace = ns,
            Revision = name,
            Service = autoscaler.Metadata.Labels.GetValueOrDefault(ServingKeys.Service, ""),
            Class = classOf,
            Summary = Summary(classOf, reading, ready, wanted),
            ReadyPods = ready,
            WantedPods = wanted,
            Replicas = deployment?.Spec?.Replicas,
            Mode = mode,
            Activators = serverless?.Spec.NumActivators ?? 0,
            Steps = explanation is null ? [] : ScalingNarrative.Steps(explanation, mode, time.GetUtcNow()),
            Parameters = explanation is null ? [] : new ScalingParameters(autoscaler, explanation).Rows,
            Leader = reading is { DecidesHere: false } ? reading.Leader : null,
            Explanation = explanation,
            Conditions = [Rows.GroupOf("PodAutoscaler", autoscaler.Status.Conditions)],
        };
    }

    private static int? Wanted(PodAutoscaler autoscaler) => autoscaler.Status.DesiredScale is { } wanted and >= 0 ? wanted : null;

    private static string Summary(string classOf, ScalingReading? reading, int ready, int? wanted) =>
        (classOf, reading) switch
        {
            (AutoscalingKeys.HpaClass, _) =>
                "A HorizontalPodAutoscaler of Kubernetes decides the scale of this revision (class hpa); its conditions are below.",
            (not AutoscalingKeys.KpaClass, _) => $"An autoscaler of another project decides the scale of this revision (class {classOf}).",
            (_, null) => "This process does not run the autoscaler. Ask a process that does.",
            (_, { DecidesHere: false, Leader: { } leader }) =>
                $"Another replica, {leader}, decides the scale of this revision: it holds the Lease {reading.Lease}. Its reasoning is on its own pages.",
            (_, { DecidesHere: false, Lease: { } lease }) =>
                $"No replica is known to decide the scale of this revision now: nobody holds the Lease {lease}.",
            (_, { DecidesHere: false }) => "The autoscaler of this process is not running yet.",
            (_, { Explanation: null }) =>
                "This process decides the scale of this revision, but has no decider for it yet: its Services are still being created.",
            (_, { Explanation: { Wanted: 0, Reserve: { Keeps: > 0, Parked: > 0 } reserve } }) =>
                $"{Show.Count(ready, "pod")} ready, of which {Show.Number(reserve.Parked)} parked: there is no traffic, and the first request wakes them.",
            (_, { Explanation.Decision: null }) => "This process decides the scale of this revision, and waits for the first stats.",
            (_, { Explanation: { Decision.PanickingSince: not null } e }) =>
                $"{Show.Count(ready, "pod")} ready, {Show.Number(e.Wanted ?? wanted ?? 0)} wanted. The load surged: in panic mode the scale only rises.",
            (_, { Explanation: { Decision: { } made } e }) =>
                $"{Show.Count(ready, "pod")} ready, {Show.Number(e.Wanted ?? wanted ?? 0)} wanted, for a load of {Show.Number(made.Stable)} and a target of {Show.Number(e.Target)} per pod.",
        };
}
