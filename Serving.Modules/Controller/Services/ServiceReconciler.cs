using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Knative;
using Serving.Controller.Common;
using Serving.Controller.Configurations;
using Serving.Controller.Services.Resources;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;
using KnativeService = Serving.Api.Knative.Service;
using ServicePass = Serving.Kubernetes.Reconcilers.ReconcilePass<Serving.Api.Knative.Service, Serving.Api.Knative.ServiceStatus>;

namespace Serving.Controller.Services;

/// <summary>Maintains the Configuration and the Route of every Service and reports them in the Service's status.</summary>
internal sealed class ServiceReconciler(
    ILister<KnativeService> services,
    ILister<Configuration> configurations,
    ILister<Route> routes,
    ILister<Revision> revisions,
    IEventRecorder events,
    TimeProvider time
) : StatusReconciler<KnativeService, ServiceStatus>(ApiResources.KnativeServices, services, ServiceLifecycle.Conditions, events, time)
{
    public override string Name => "service";

    protected override ServiceStatus Blocked(ServiceStatus status, ChildException child, DateTimeOffset now) =>
        (child, child.Kind) switch
        {
            (NotOwnedException taken, "Route") => status.MarkRouteNotOwned(child.Key.Name, now, taken.Holder),
            (NotOwnedException taken, _) => status.MarkConfigurationNotOwned(child.Key.Name, now, taken.Holder),
            (ChildRefusedException refused, "Route") => status.MarkRouteFailed(ChildRefusedException.Reason, refused.ConditionMessage, now),
            (ChildRefusedException refused, _) => status.MarkConfigurationFailed(
                ChildRefusedException.Reason,
                refused.ConditionMessage,
                now
            ),
            _ => status,
        };

    protected override async Task ReconcileAsync(ServicePass pass, CancellationToken cancellation)
    {
        // A rejected template must not keep traffic from moving, for example back to an earlier Revision; except when the Route may name
        // the Revision that the template would have created.
        var configuration = await pass.TryAsync(() => ConfigurationAsync(pass, cancellation), cancellation);
        if (configuration is null && pass.Object.Spec.Template.Metadata.Name.Length == 0)
        {
            configuration = configurations.Get(pass.Namespace, pass.Name) is { } known && known.IsControlledBy(pass.Object) ? known : null;
        }

        if (configuration is null)
        {
            return;
        }

        var named = configuration.Spec.Template.Metadata.Name;
        if (configuration.Metadata.Generation != configuration.Status.ObservedGeneration)
        {
            pass.Status = pass.Status.MarkConfigurationNotReconciled(pass.Now);
            if (named.Length > 0)
            {
                // The Route may name that Revision: wait, or traffic could go to a different Revision of that name.
                return;
            }
        }
        else
        {
            pass.Status = pass.Status.PropagateConfiguration(configuration.Status, pass.Now);
        }

        if (RevisionNames.IsTaken(configuration, revisions))
        {
            pass.Status = pass.Status.MarkRevisionNameTaken(named, pass.Now);
            return;
        }

        var route = await RouteAsync(pass, cancellation);
        if (route.Metadata.Generation != route.Status.ObservedGeneration)
        {
            pass.Status = pass.Status.MarkRouteNotReconciled(pass.Now);
        }
        else
        {
            pass.Status = pass.Status.PropagateRoute(route.Status, pass.Now);
        }

        CheckTrafficMigrated(pass, configuration, route);
    }

    private async Task<Configuration> ConfigurationAsync(ServicePass pass, CancellationToken cancellation)
    {
        var child = await pass.EnsureAsync(
            ApiResources.Configurations,
            configurations.Get(pass.Namespace, pass.Name),
            ConfigurationMaker.Make(pass.Object, null),
            (existing, _) =>
            {
                var hasOwnRoute = routes.Get(pass.Namespace, pass.Name) is not { } route || route.IsControlledBy(pass.Object);
                var wanted = ConfigurationMaker.Make(pass.Object, existing, hasOwnRoute);
                return existing with
                {
                    Spec = wanted.Spec.Keeping(existing.Spec),
                    Metadata = existing.Metadata.WithMapsOf(wanted.Metadata),
                };
            },
            cancellation,
            new ChildEvents(Events, $"Configuration \"{pass.Name}\"")
        );
        return child.Object;
    }

    private async Task<Route> RouteAsync(ServicePass pass, CancellationToken cancellation)
    {
        var child = await pass.EnsureAsync(
            ApiResources.Routes,
            routes.Get(pass.Namespace, pass.Name),
            RouteMaker.Make(pass.Object),
            static (existing, wanted) =>
                existing with
                {
                    Spec = wanted.Spec.Keeping(existing.Spec),
                    Metadata = existing.Metadata.WithMapsOf(wanted.Metadata),
                },
            cancellation,
            new ChildEvents(Events, $"Route \"{pass.Name}\"")
        );
        return child.Object;
    }

    /// <summary>A ready Route may still be ready for the previous traffic; the Service is not ready then.</summary>
    private static void CheckTrafficMigrated(ServicePass pass, Configuration configuration, Route route)
    {
        if (!ConditionSet.IsTrue(pass.Status.Conditions, ServiceLifecycle.RoutesReady))
        {
            return;
        }

        var wanted = route.Spec.Traffic.Select(target =>
            target.ConfigurationName == configuration.Metadata.Name
                ? Comparable(target) with
                {
                    Revision = configuration.Status.LatestReadyRevisionName,
                    Configuration = "",
                }
                : Comparable(target)
        );
        if (!wanted.SequenceEqual(route.Status.Traffic.Select(Comparable)))
        {
            pass.Status = pass.Status.MarkRouteNotYetReady(pass.Now);
        }
    }

    private static Share Comparable(TrafficTarget target) =>
        new(target.Tag, target.RevisionName, target.ConfigurationName, target.Percent ?? 0);

    private sealed record Share(string Tag, string Revision, string Configuration, long Percent);
}
