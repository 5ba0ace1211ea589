using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Routes.Resources;
using Serving.Kubernetes;
using ApiResources = Serving.Api.Resources;
using RouteWork = Serving.Controller.Common.Work<Serving.Api.Knative.Route, Serving.Api.Knative.RouteStatus>;

namespace Serving.Controller.Routes;

/// <summary>Keeps the Kubernetes Services that give a Route and its tags their names in the cluster.</summary>
internal sealed class RoutePlaceholders(RouteListers listers, IEventRecorder events)
{
    /// <summary>Makes sure that every tag has its Service, whatever it points at, and removes those of tags that are gone.</summary>
    /// <remarks>A Service that is refused is a failure of <paramref name="steps"/>; one that is somebody else's is thrown, since its host may be too.</remarks>
    /// <returns>The Services by tag.</returns>
    public async Task<IReadOnlyDictionary<string, CoreService>> HoldAsync(
        RouteWork work, IEnumerable<string> tags, RouteDomains domains, StepFailures steps, CancellationToken cancellation)
    {
        var services = new SortedDictionary<string, CoreService>(StringComparer.Ordinal);
        foreach (var tag in tags)
        {
            var hostname = domains.Hostname(tag);
            if (await HoldAsync(work, hostname, domains.Domain(hostname), steps, cancellation).ConfigureAwait(false) is not { } service)
            {
                continue;
            }

            services[tag] = service;
            if (listers.Endpoints.Get(work.Namespace, hostname) is { } endpoints && service.Spec?.Type == "ClusterIP" && service.Spec?.ClusterIP == "None")
            {
                ChildObjects.EnsureOwned(ApiResources.Endpoints, endpoints, work.Resource);
            }
        }

        var names = services.Values.Select(service => service.Metadata.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var orphan in listers.Services.ByLabel(work.Namespace, ServingKeys.Route, work.Name))
        {
            if (!names.Contains(orphan.Metadata.Name) && orphan.IsControlledBy(work.Resource))
            {
                await steps.TryAsync(() => DeleteAsync(work, orphan.Metadata.Name, cancellation), cancellation).ConfigureAwait(false);
            }
        }

        return services;
    }

    private async Task DeleteAsync(RouteWork work, string orphan, CancellationToken cancellation)
    {
        await DeleteAsync(work, ApiResources.Services, orphan, cancellation).ConfigureAwait(false);
        if (listers.Endpoints.Get(work.Namespace, orphan) is { } left && left.IsControlledBy(work.Resource))
        {
            await DeleteAsync(work, ApiResources.Endpoints, orphan, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Points every Service at the load balancer of the Ingress, once it has one.</summary>
    public async Task PointAsync(
        RouteWork work, IReadOnlyDictionary<string, CoreService> services, Ingress ingress, StepFailures steps, CancellationToken cancellation)
    {
        foreach (var service in services.Values)
        {
            var isPrivate = service.Metadata.Labels.Get(NetworkingKeys.Visibility) == NetworkingKeys.ClusterLocal;
            if (PlaceholderMaker.Point(work.Resource, service.Metadata.Name, ingress, isPrivate) is { } wanted)
            {
                await steps.TryAsync(() => PointAsync(work, service, wanted.Service, cancellation), cancellation).ConfigureAwait(false);
                await steps.TryAsync(() => EndpointsAsync(work, service.Metadata.Name, wanted.Endpoints, cancellation), cancellation).ConfigureAwait(false);
            }
        }
    }

    private async Task<CoreService?> HoldAsync(RouteWork work, string hostname, string domain, StepFailures steps, CancellationToken cancellation)
    {
        if (listers.Services.Get(work.Namespace, hostname) is { } existing)
        {
            return ChildObjects.EnsureOwned(ApiResources.Services, existing, work.Resource);
        }

        try
        {
            var (created, isNew) = await ChildObjects.CreateAsync(
                work.Client, ApiResources.Services, PlaceholderMaker.Hold(work.Resource, hostname, domain), work.Resource, cancellation).ConfigureAwait(false);
            if (isNew)
            {
                events.Normal(work.Resource, "Created", $"Created placeholder service \"{hostname}\"");
            }

            return created;
        }
        catch (ChildRefusedException error)
        {
            events.Warning(work.Resource, "CreationFailed", $"Failed to create placeholder service \"{hostname}\": {error.Refusal.Message}");
            steps.Add(error);
            return null;
        }
    }

    private static async Task PointAsync(RouteWork work, CoreService current, CoreService to, CancellationToken cancellation)
    {
        var spec = to.Spec!;
        var currentSpec = current.Spec ?? new CoreServiceSpec();
        var headless = spec.ClusterIP == "None";
        var canUpdate = currentSpec.Type == spec.Type
            ? spec.Type != "ClusterIP" || headless == (currentSpec.ClusterIP == "None")
            : currentSpec.Type == "ExternalName";
        if (!canUpdate)
        {
            // Its address cannot be changed any more: only a new Service can have another kind.
            await work.Client.DeleteAsync(ApiResources.Services, work.Namespace, current.Metadata.Name, cancellation).ConfigureAwait(false);
            await ChildObjects.CreateAsync(work.Client, ApiResources.Services, to, work.Resource, cancellation).ConfigureAwait(false);
            return;
        }

        if (ApiEquality.Covers(new CoreService { Spec = currentSpec }, new CoreService { Spec = spec })
            && ApiEquality.Covers(current.Metadata.Labels, to.Metadata.Labels)
            && ApiEquality.Covers(current.Metadata.Annotations, to.Metadata.Annotations))
        {
            return;
        }

        var keepsAddress = currentSpec.Type == "ClusterIP" && spec.Type == "ClusterIP" && !headless;
        await work.Client.UpdateAsync(
            ApiResources.Services,
            current with
            {
                Spec = keepsAddress ? spec with { ClusterIP = currentSpec.ClusterIP } : spec,
                Metadata = current.Metadata with
                {
                    Labels = Maps.Union(current.Metadata.Labels, to.Metadata.Labels),
                    Annotations = Maps.Union(current.Metadata.Annotations, to.Metadata.Annotations),
                },
            },
            cancellation).ConfigureAwait(false);
    }

    private async Task EndpointsAsync(RouteWork work, string name, Endpoints? wanted, CancellationToken cancellation)
    {
        var existing = listers.Endpoints.Get(work.Namespace, name);
        if (wanted is null)
        {
            if (existing?.IsControlledBy(work.Resource) == true)
            {
                await DeleteAsync(work, ApiResources.Endpoints, name, cancellation).ConfigureAwait(false);
            }
        }
        else if (existing is null)
        {
            await ChildObjects.CreateAsync(work.Client, ApiResources.Endpoints, wanted, work.Resource, cancellation).ConfigureAwait(false);
        }
        else if (!ApiEquality.Covers(ChildObjects.EnsureOwned(ApiResources.Endpoints, existing, work.Resource) with { Metadata = new() }, wanted with { Metadata = new() }))
        {
            await work.Client.UpdateAsync(ApiResources.Endpoints, existing with { Subsets = wanted.Subsets }, cancellation).ConfigureAwait(false);
        }
    }

    private static async Task DeleteAsync<T>(RouteWork work, ResourceType<T> type, string name, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        try
        {
            await work.Client.DeleteAsync(type, work.Namespace, name, cancellation).ConfigureAwait(false);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            // Gone already, which is what was wanted.
        }
    }
}
