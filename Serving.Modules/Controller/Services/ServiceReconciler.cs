using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Controller.Common;
using Serving.Controller.Configurations;
using Serving.Controller.Services.Resources;
using Serving.Kubernetes;
using ApiResources = Serving.Api.Resources;
using KnativeService = Serving.Api.Knative.Service;
using ServiceWork = Serving.Controller.Common.Work<Serving.Api.Knative.Service, Serving.Api.Knative.ServiceStatus>;

namespace Serving.Controller.Services;

/// <summary>Keeps one Configuration and one Route for every Service and says in the Service's status how they are.</summary>
internal sealed class ServiceReconciler(
    ILister<KnativeService> services,
    ILister<Configuration> configurations,
    ILister<Route> routes,
    ILister<Revision> revisions,
    IEventRecorder events,
    TimeProvider time)
    : StatusReconciler<KnativeService, ServiceStatus>(ApiResources.KnativeServices, services, ServiceLifecycle.Conditions, events, time)
{
    public override string Name => "service";

    protected override ServiceStatus StatusOf(KnativeService resource) => resource.Status;

    protected override KnativeService WithStatus(KnativeService resource, ServiceStatus status) => resource with { Status = status };

    protected override ServiceStatus WithConditions(ServiceStatus status, IReadOnlyList<Condition> conditions, long? observedGeneration)
        => status with { Conditions = conditions, ObservedGeneration = observedGeneration };

    protected override ServiceStatus Blocked(ServiceStatus status, ChildException child, DateTimeOffset now) => (child, child.Kind) switch
    {
        (NotOwnedException taken, "Route") => status.MarkRouteNotOwned(child.Key.Name, now, taken.Holder),
        (NotOwnedException taken, _) => status.MarkConfigurationNotOwned(child.Key.Name, now, taken.Holder),
        (ChildRefusedException refused, "Route") => status.MarkRouteFailed(ChildRefusedException.Reason, refused.ConditionMessage, now),
        (ChildRefusedException refused, _) => status.MarkConfigurationFailed(ChildRefusedException.Reason, refused.ConditionMessage, now),
        _ => status,
    };

    protected override async Task<Reconcile> ReconcileAsync(ServiceWork work, CancellationToken cancellation)
    {
        // A template that is refused must not keep the traffic from being moved, back to an earlier Revision for one; unless the Route may
        // name the Revision that the template would have made.
        var steps = new StepFailures();
        var configuration = await steps.TryAsync(() => ConfigurationAsync(work, cancellation), cancellation).ConfigureAwait(false);
        if (configuration is null && work.Resource.Spec.Template.Metadata.Name.Length == 0)
        {
            configuration = configurations.Get(work.Namespace, work.Name) is { } known && known.IsControlledBy(work.Resource) ? known : null;
        }

        if (configuration is null)
        {
            steps.Throw();
            return Reconcile.Done;
        }

        var result = await ReconcileAsync(work, configuration, cancellation).ConfigureAwait(false);
        steps.Throw();
        return result;
    }

    private async Task<Reconcile> ReconcileAsync(ServiceWork work, Configuration configuration, CancellationToken cancellation)
    {
        var named = configuration.Spec.Template.Metadata.Name;
        if (configuration.Metadata.Generation != configuration.Status.ObservedGeneration)
        {
            work.Status = work.Status.MarkConfigurationNotReconciled(work.Now);
            if (named.Length > 0)
            {
                // The Route may name that Revision: wait, or traffic could go to another one of that name.
                return Reconcile.Done;
            }
        }
        else
        {
            work.Status = work.Status.PropagateConfiguration(configuration.Status, work.Now);
        }

        if (RevisionNames.IsTaken(configuration, revisions))
        {
            work.Status = work.Status.MarkRevisionNameTaken(named, work.Now);
            return Reconcile.Done;
        }

        var route = await RouteAsync(work, cancellation).ConfigureAwait(false);
        if (route.Metadata.Generation != route.Status.ObservedGeneration)
        {
            work.Status = work.Status.MarkRouteNotReconciled(work.Now);
        }
        else
        {
            work.Status = work.Status.PropagateRoute(route.Status, work.Now);
        }

        CheckTrafficMigrated(work, configuration, route);
        return Reconcile.Done;
    }

    private async Task<Configuration> ConfigurationAsync(ServiceWork work, CancellationToken cancellation)
    {
        var existing = configurations.Get(work.Namespace, work.Name);
        if (existing is null)
        {
            return await CreateAsync(
                work, ApiResources.Configurations, ConfigurationMaker.Make(work.Resource, null), cancellation).ConfigureAwait(false);
        }

        ChildObjects.EnsureOwned(ApiResources.Configurations, existing, work.Resource);
        var hasOwnRoute = routes.Get(work.Namespace, work.Name) is not { } route || route.IsControlledBy(work.Resource);
        var wanted = ConfigurationMaker.Make(work.Resource, existing, hasOwnRoute);
        var result = existing with
        {
            Spec = wanted.Spec.Keeping(existing.Spec),
            Metadata = existing.Metadata with { Labels = wanted.Metadata.Labels, Annotations = wanted.Metadata.Annotations },
        };
        return ApiEquality.Same(existing, result)
            ? existing
            : await work.Client.UpdateAsync(ApiResources.Configurations, result, cancellation).ConfigureAwait(false);
    }

    private async Task<Route> RouteAsync(ServiceWork work, CancellationToken cancellation)
    {
        var wanted = RouteMaker.Make(work.Resource);
        var existing = routes.Get(work.Namespace, work.Name);
        if (existing is null)
        {
            return await CreateAsync(work, ApiResources.Routes, wanted, cancellation).ConfigureAwait(false);
        }

        ChildObjects.EnsureOwned(ApiResources.Routes, existing, work.Resource);
        var result = existing with
        {
            Spec = wanted.Spec.Keeping(existing.Spec),
            Metadata = existing.Metadata with { Labels = wanted.Metadata.Labels, Annotations = wanted.Metadata.Annotations },
        };
        return ApiEquality.Same(existing, result)
            ? existing
            : await work.Client.UpdateAsync(ApiResources.Routes, result, cancellation).ConfigureAwait(false);
    }

    private async Task<T> CreateAsync<T>(ServiceWork work, ResourceType<T> type, T wanted, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        try
        {
            var created = await ChildObjects.CreateAsync(work.Client, type, wanted, work.Resource, cancellation).ConfigureAwait(false);
            if (created.IsNew)
            {
                Events.Normal(work.Resource, "Created", $"Created {type.Kind} \"{work.Name}\"");
            }

            return created.Object;
        }
        catch (ChildRefusedException error)
        {
            Events.Warning(work.Resource, "CreationFailed", error.ConditionMessage);
            throw;
        }
    }

    /// <summary>A ready Route may still be ready for the traffic of before; then the Service is not.</summary>
    private static void CheckTrafficMigrated(ServiceWork work, Configuration configuration, Route route)
    {
        if (!ConditionSet.IsTrue(work.Status.Conditions, ServiceLifecycle.RoutesReady))
        {
            return;
        }

        var wanted = route.Spec.Traffic.Select(target => target.ConfigurationName == configuration.Metadata.Name
            ? Comparable(target) with { Revision = configuration.Status.LatestReadyRevisionName, Configuration = "" }
            : Comparable(target));
        if (!wanted.SequenceEqual(route.Status.Traffic.Select(Comparable)))
        {
            work.Status = work.Status.MarkRouteNotYetReady(work.Now);
        }
    }

    private static Share Comparable(TrafficTarget target) => new(target.Tag, target.RevisionName, target.ConfigurationName, target.Percent ?? 0);

    private sealed record Share(string Tag, string Revision, string Configuration, long Percent);
}
