using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Routes.Resources;
using Serving.Controller.Routes.Traffic;
using Serving.Kubernetes;
using ApiResources = Serving.Api.Resources;
using RouteWork = Serving.Controller.Common.Work<Serving.Api.Knative.Route, Serving.Api.Knative.RouteStatus>;

namespace Serving.Controller.Routes;

/// <summary>Turns a Route into an Ingress and the Kubernetes Services of its names, and says in its status where it answers.</summary>
internal sealed class RouteReconciler(
    RouteListers listers,
    ReferenceTracker tracker,
    Func<ConfigSnapshot> config,
    string clusterDomain,
    IEventRecorder events,
    TimeProvider time)
    : StatusReconciler<Route, RouteStatus>(ApiResources.Routes, listers.Routes, RouteLifecycle.Conditions, events, time)
{
    private readonly RoutePlaceholders placeholders = new(listers, events);
    private readonly RouteCertificates certificates = new(listers, events, clusterDomain);

    public override string Name => "route";

    protected override RouteStatus StatusOf(Route resource) => resource.Status;

    protected override Route WithStatus(Route resource, RouteStatus status) => resource with { Status = status };

    protected override RouteStatus WithConditions(RouteStatus status, IReadOnlyList<Condition> conditions, long? observedGeneration)
        => status with { Conditions = conditions, ObservedGeneration = observedGeneration };

    protected override RouteStatus Blocked(RouteStatus status, ChildException child, DateTimeOffset now) => (child, child.Kind) switch
    {
        (NotOwnedException taken, "Certificate") => status.MarkCertificateNotOwned(child.Key.Name, now, taken.Holder),
        (NotOwnedException taken, "Service") => status.MarkServiceNotOwned(child.Key.Name, now, taken.Holder),
        (NotOwnedException taken, "Endpoints") => status.MarkEndpointNotOwned(child.Key.Name, now, taken.Holder),
        (NotOwnedException taken, _) => status.MarkIngressNotOwned(child.Key.Name, now, taken.Holder),
        (ChildRefusedException refused, "Certificate") => status.MarkCertificateProvisionFailed(child.Key.Name, refused.Refusal.Status.Message, now),
        (ChildRefusedException refused, _) => status.MarkIngressFailed(ChildRefusedException.Reason, refused.ConditionMessage, now),
        _ => status,
    };

    protected override Task GoneAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        tracker.Forget(key);
        return Task.CompletedTask;
    }

    protected override async Task<Reconcile> ReconcileAsync(RouteWork work, CancellationToken cancellation)
    {
        if (work.Resource.Metadata.Generation != work.Resource.Status.ObservedGeneration)
        {
            // An error below must not leave the readiness of the generation before.
            work.Status = work.Status.MarkIngressNotConfigured(work.Now);
        }

        var snapshot = config();
        var domains = new RouteDomains(work.Resource.Metadata, snapshot, clusterDomain);
        try
        {
            return await ReconcileAsync(work, snapshot, domains, cancellation).ConfigureAwait(false);
        }
        catch (DomainNameException error)
        {
            work.Status = work.Status.MarkRevisionTargetTrafficError("ErrorConfig", error.Message, work.Now);
            throw;
        }
    }

    private async Task<Reconcile> ReconcileAsync(RouteWork work, ConfigSnapshot snapshot, RouteDomains domains, CancellationToken cancellation)
    {
        tracker.Begin(work.Key);
        var (traffic, problem) = new TrafficBuilder(
            work.Resource, listers.Configurations, listers.Revisions, (kind, name) => tracker.Track(work.Key, kind, new ObjectKey(work.Namespace, name))).Build();
        tracker.Settle(work.Key);
        var isLocal = Visibility(work, domains);
        string UrlOf(string tag) => $"{(isLocal(tag) ? "http" : snapshot.Network.DefaultExternalScheme)}://{domains.Domain(tag, isLocal(tag))}";
        work.Status = work.Status with { Url = UrlOf(TrafficConfig.DefaultTarget) };
        if (traffic is null)
        {
            work.Status = problem!.Mark(work.Status, work.Now);
            return Reconcile.Done;
        }

        work.Status = work.Status.MarkTrafficAssigned(work.Now) with
        {
            Traffic = traffic.ToStatus(Rollout.None, UrlOf),
            Address = new Addressable { Url = $"http://{work.Name}.{work.Namespace}.svc.{clusterDomain}" },
        };

        // A Service or a Certificate that is refused must not keep the Ingress, by which requests travel, from following the traffic.
        var steps = new StepFailures();
        var services = await placeholders.HoldAsync(work, traffic.Targets.Keys, domains, steps, cancellation).ConfigureAwait(false);
        var tls = await certificates.EnsureAsync(work, traffic.Targets.Keys, isLocal, domains, snapshot, steps, cancellation).ConfigureAwait(false);

        var existing = listers.Ingresses.Get(work.Namespace, ChildName.Of(work.Name, ""));
        var (rollout, next) = Step(work, traffic, existing, snapshot.Network);
        var wanted = IngressMaker.Make(work.Resource, new IngressInput(traffic, rollout, isLocal, tls.Tls, tls.Challenges), domains, snapshot);
        var ingress = await IngressAccess.EnsureAsync(work.Resource, existing, wanted, work.Client, Events, cancellation).ConfigureAwait(false);
        if (ingress.Metadata.Generation != ingress.Status.ObservedGeneration)
        {
            work.Status = work.Status.MarkIngressNotConfigured(work.Now);
        }
        else if (rollout.Done)
        {
            work.Status = work.Status.PropagateIngress(ingress.Status, work.Now);
        }

        await placeholders.PointAsync(work, services, ingress, steps, cancellation).ConfigureAwait(false);
        if (!rollout.Done)
        {
            var schemes = work.Status.Traffic.Where(target => target.Tag.Length > 0).GroupBy(target => target.Tag).ToDictionary(group => group.Key, group => group.First().Url);
            work.Status = work.Status.MarkIngressRolloutInProgress(work.Now) with
            {
                Traffic = traffic.ToStatus(rollout, tag => schemes.GetValueOrDefault(tag) ?? UrlOf(tag)),
            };
        }

        steps.Throw();
        return next is { } delay ? Reconcile.After(delay) : Reconcile.Done;
    }

    /// <summary>Which tags are served inside of the cluster only: all when the Route's domain is the cluster's, else those whose Service says so.</summary>
    private Func<string, bool> Visibility(RouteWork work, RouteDomains domains)
    {
        var local = domains.IsClusterLocalByDefault;
        var marked = listers.Services.ByLabel(work.Namespace, ServingKeys.Route, work.Name)
            .Where(service => service.Metadata.Labels.Get(NetworkingKeys.Visibility).Length > 0)
            .Select(service => service.Metadata.Name)
            .ToHashSet(StringComparer.Ordinal);
        return tag => local || marked.Contains(domains.Hostname(tag));
    }

    /// <summary>Moves the rollout on, when the Route or the configuration asks for a gradual one.</summary>
    private static (Rollout Rollout, TimeSpan? Next) Step(RouteWork work, TrafficConfig traffic, Ingress? ingress, NetworkConfig network)
    {
        var wanted = traffic.BuildRollout();
        var annotation = ServingKeys.RolloutDuration.Value(work.Resource.Metadata.Annotations) ?? "";
        var seconds = GoDuration.TryParse(annotation, out var own) && own.ToTimeSpan() is { TotalSeconds: >= 1 } duration ? (int)duration.TotalSeconds : network.RolloutDuration;
        if (seconds <= 0 || ingress is null)
        {
            return (wanted, null);
        }

        var now = (work.Now - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
        var previous = Rollout.Parse(ingress.Metadata.Annotations.Get(NetworkingKeys.Rollout));
        if (previous is not null && IsReady(ingress) && !ConditionSet.IsTrue(work.Status.Conditions, RouteLifecycle.IngressReady))
        {
            previous = RolloutPlan.ObserveReady(previous, now, seconds);
        }

        var (rollout, next) = RolloutPlan.Step(wanted, previous, now);
        return (rollout, next > 0 ? TimeSpan.FromTicks(Math.Max(1, ((next - now) / TimeSpan.NanosecondsPerTick) + 1)) : null);
    }

    private static bool IsReady(Ingress ingress)
        => ingress.Metadata.Generation == ingress.Status.ObservedGeneration && ConditionSet.IsTrue(ingress.Status.Conditions, "Ready");
}
