using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Routes.Resources;
using Serving.Controller.Routes.Traffic;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;
using RoutePass = Serving.Kubernetes.Reconcilers.ReconcilePass<Serving.Api.Knative.Route, Serving.Api.Knative.RouteStatus>;

namespace Serving.Controller.Routes;

/// <summary>Turns a Route into an Ingress and the Kubernetes Services of its names, and reports its URLs in its status.</summary>
internal sealed class RouteReconciler(
    RouteListers listers,
    ReferenceTracker tracker,
    Func<ConfigSnapshot> config,
    string clusterDomain,
    IEventRecorder events,
    TimeProvider time
) : StatusReconciler<Route, RouteStatus>(ApiResources.Routes, listers.Routes, RouteLifecycle.Conditions, events, time)
{
    private readonly RoutePlaceholders _placeholders = new(listers, events);
    private readonly RouteCertificates _certificates = new(listers, events, clusterDomain);

    public override string Name => "route";

    protected override RouteStatus Blocked(RouteStatus status, ChildException child, DateTimeOffset now) =>
        (child, child.Kind) switch
        {
            (NotOwnedException taken, "Certificate") => status.MarkCertificateNotOwned(child.Key.Name, now, taken.Holder),
            (NotOwnedException taken, "Service") => status.MarkServiceNotOwned(child.Key.Name, now, taken.Holder),
            (NotOwnedException taken, "Endpoints") => status.MarkEndpointNotOwned(child.Key.Name, now, taken.Holder),
            (NotOwnedException taken, _) => status.MarkIngressNotOwned(child.Key.Name, now, taken.Holder),
            (ChildRefusedException refused, "Certificate") => status.MarkCertificateProvisionFailed(
                child.Key.Name,
                refused.Refusal.Status.Message,
                now
            ),
            (ChildRefusedException refused, _) => status.MarkIngressFailed(ChildRefusedException.Reason, refused.ConditionMessage, now),
            _ => status,
        };

    protected override void Forget(ObjectKey key) => tracker.Forget(key);

    protected override async Task ReconcileAsync(RoutePass pass, CancellationToken cancellation)
    {
        if (pass.Object.Metadata.Generation != pass.Object.Status.ObservedGeneration)
        {
            // An error below must not leave the readiness of the previous generation.
            pass.Status = pass.Status.MarkIngressNotConfigured(pass.Now);
        }

        var snapshot = config();
        var domains = new RouteDomains(pass.Object.Metadata, snapshot, clusterDomain);
        try
        {
            await ReconcileAsync(pass, snapshot, domains, cancellation);
        }
        catch (DomainNameException error)
        {
            pass.Status = pass.Status.MarkRevisionTargetTrafficError("ErrorConfig", error.Message, pass.Now);
            throw;
        }
    }

    private async Task ReconcileAsync(RoutePass pass, ConfigSnapshot snapshot, RouteDomains domains, CancellationToken cancellation)
    {
        tracker.Begin(pass.Key);
        var (traffic, problem) = new TrafficBuilder(
            pass.Object,
            listers.Configurations,
            listers.Revisions,
            (kind, name) => tracker.Track(pass.Key, kind, new ObjectKey(pass.Namespace, name))
        ).Build();
        tracker.Settle(pass.Key);
        var isLocal = Visibility(pass, domains);
        string UrlOf(string tag) =>
            $"{(isLocal(tag) ? "http" : snapshot.Network.DefaultExternalScheme)}://{domains.Domain(tag, isLocal(tag))}";
        pass.Status = pass.Status with { Url = UrlOf(TrafficConfig.DefaultTarget) };
        if (traffic is null)
        {
            pass.Status = problem!.Mark(pass.Status, pass.Now);
            return;
        }

        pass.Status = pass.Status.MarkTrafficAssigned(pass.Now) with
        {
            Traffic = traffic.ToStatus(Rollout.None, UrlOf),
            Address = new Addressable { Url = $"http://{HostNames.OfService(pass.Name, pass.Namespace, clusterDomain)}" },
        };

        // A rejected Service or Certificate must not keep the Ingress, which routes requests, from following the traffic.
        var services = await _placeholders.HoldAsync(pass, traffic.Targets.Keys, domains, cancellation);
        var tls = await _certificates.EnsureAsync(pass, traffic.Targets.Keys, isLocal, domains, snapshot, cancellation);

        var existing = listers.Ingresses.Get(pass.Namespace, ChildName.Of(pass.Name, ""));
        var (rollout, next) = Step(pass, traffic, existing, snapshot.Network);
        var wanted = IngressMaker.Make(
            pass.Object,
            new IngressInput(traffic, rollout, isLocal, tls.Tls, tls.Challenges),
            domains,
            snapshot
        );
        var ingress = await IngressAccess.EnsureAsync(pass.Object, existing, wanted, pass.Client, Events, cancellation);
        if (ingress.Metadata.Generation != ingress.Status.ObservedGeneration)
        {
            pass.Status = pass.Status.MarkIngressNotConfigured(pass.Now, ingress);
        }
        else if (rollout.Done)
        {
            pass.Status = pass.Status.PropagateIngress(ingress, pass.Now);
        }

        await _placeholders.PointAsync(pass, services, ingress, cancellation);
        if (!rollout.Done)
        {
            var schemes = pass
                .Status.Traffic.Where(target => target.Tag.Length > 0)
                .GroupBy(target => target.Tag)
                .ToDictionary(group => group.Key, group => group.First().Url);
            pass.Status = pass.Status.MarkIngressRolloutInProgress(pass.Now) with
            {
                Traffic = traffic.ToStatus(rollout, tag => schemes.GetValueOrDefault(tag) ?? UrlOf(tag)),
            };
        }

        pass.LookAgain(next);
    }

    /// <summary>The tags that are cluster-local: all when the Route's domain is the cluster's, else those whose Service has the visibility
    /// label.</summary>
    private Func<string, bool> Visibility(RoutePass pass, RouteDomains domains)
    {
        var local = domains.IsClusterLocalByDefault;
        var marked = listers
            .Services.ByLabel(pass.Namespace, ServingKeys.Route, pass.Name)
            .Where(service => service.Metadata.Labels.Get(NetworkingKeys.Visibility).Length > 0)
            .Select(service => service.Metadata.Name)
            .ToHashSet(StringComparer.Ordinal);
        return tag => local || marked.Contains(domains.Hostname(tag));
    }

    /// <summary>Advances the rollout when the Route or the configuration asks for a gradual one.</summary>
    private static (Rollout Rollout, TimeSpan? Next) Step(RoutePass pass, TrafficConfig traffic, Ingress? ingress, NetworkConfig network)
    {
        var wanted = traffic.BuildRollout();
        var annotation = ServingKeys.RolloutDuration.Value(pass.Object.Metadata.Annotations) ?? "";
        var seconds =
            GoDuration.TryParse(annotation, out var own) && own.ToTimeSpan() is { TotalSeconds: >= 1 } duration
                ? (int)duration.TotalSeconds
                : network.RolloutDuration;
        if (seconds <= 0 || ingress is null)
        {
            return (wanted, null);
        }

        var now = (pass.Now - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;
        var previous = Rollout.Parse(ingress.Metadata.Annotations.Get(NetworkingKeys.Rollout));
        if (previous is not null && IsReady(ingress) && !ConditionSet.IsTrue(pass.Status.Conditions, RouteLifecycle.IngressReady))
        {
            previous = RolloutPlan.ObserveReady(previous, now, seconds);
        }

        var (rollout, next) = RolloutPlan.Step(wanted, previous, now);
        return (rollout, next > 0 ? TimeSpan.FromTicks(Math.Max(1, ((next - now) / TimeSpan.NanosecondsPerTick) + 1)) : null);
    }

    private static bool IsReady(Ingress ingress) =>
        ingress.Metadata.Generation == ingress.Status.ObservedGeneration && ConditionSet.IsTrue(ingress.Status.Conditions, "Ready");
}
