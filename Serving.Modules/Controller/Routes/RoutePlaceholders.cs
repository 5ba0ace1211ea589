using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
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
            if (listers.Endpoints.Get(work.Namespace, hostname) is { } endpoints && !endpoints.IsControlledBy(work.Resource)
                && service.Spec?.Type == "ClusterIP" && service.Spec?.ClusterIP == "None")
            {
                work.Status = work.Status.MarkEndpointNotOwned(hostname, work.Now);
                throw new NotOwnedException($"route: \"{work.Name}\" does not own Endpoints: \"{hostname}\"");
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
            if (!existing.IsControlledBy(work.Resource))
            {
                work.Status = work.Status.MarkServiceNotOwned(hostname, work.Now);
                throw new NotOwnedException($"route: \"{work.Name}\" does not own Service: \"{hostname}\"");
            }

            return existing;
        }

        try
        {
            var created = await work.Client.CreateAsync(
                ApiResources.Services, PlaceholderMaker.Hold(work.Resource, hostname, domain), cancellation).ConfigureAwait(false);
            events.Normal(work.Resource, "Created", $"Created placeholder service \"{hostname}\"");
            return created;
        }
        catch (KubernetesException error) when (error.IsAlreadyExists)
        {
            // The cache is behind, or somebody else has the name: the server knows.
            var there = await work.Client.GetAsync(ApiResources.Services, work.Namespace, hostname, cancellation).ConfigureAwait(false);
            if (there.IsControlledBy(work.Resource))
            {
                return there;
            }

            work.Status = work.Status.MarkServiceNotOwned(hostname, work.Now);
            throw new NotOwnedException($"route: \"{work.Name}\" does not own Service: \"{hostname}\"");
        }
        catch (KubernetesException error)
        {
            events.Warning(work.Resource, "CreationFailed", $"Failed to create placeholder service \"{hostname}\": {error.Message}");
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
            await work.Client.CreateAsync(ApiResources.Services, to, cancellation).ConfigureAwait(false);
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
            await work.Client.CreateAsync(ApiResources.Endpoints, wanted, cancellation).ConfigureAwait(false);
        }
        else if (!ApiEquality.Covers(existing with { Metadata = new() }, wanted with { Metadata = new() }))
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
