using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Routes.Resources;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;
using RoutePass = Serving.Kubernetes.Reconcilers.ReconcilePass<Serving.Api.Knative.Route, Serving.Api.Knative.RouteStatus>;

namespace Serving.Controller.Routes;

/// <summary>Maintains the Kubernetes Services that provide the cluster-local names of a Route and its tags.</summary>
internal sealed class RoutePlaceholders(RouteListers listers, IEventRecorder events)
{
    /// <summary>Ensures that every tag has its Service, whatever it points to, and removes the Services of deleted tags.</summary>
    /// <remarks>A rejected Service is a failure of the pass; a Service with another owner is thrown, since its host may belong to that
    /// owner too.</remarks>
    /// <returns>The Services by tag.</returns>
    public async Task<IReadOnlyDictionary<string, CoreService>> HoldAsync(
        RoutePass pass,
        IEnumerable<string> tags,
        RouteDomains domains,
        CancellationToken cancellation
    )
    {
        var services = new SortedDictionary<string, CoreService>(StringComparer.Ordinal);
        foreach (var tag in tags)
        {
            var hostname = domains.Hostname(tag);
            if (await HoldAsync(pass, hostname, domains.Domain(hostname), cancellation) is not { } service)
            {
                continue;
            }

            services[tag] = service;
            if (
                listers.Endpoints.Get(pass.Namespace, hostname) is { } endpoints
                && service.Spec?.Type == "ClusterIP"
                && service.Spec?.ClusterIP == "None"
            )
            {
                ChildObjects.EnsureOwned(ApiResources.Endpoints, endpoints, pass.Object);
            }
        }

        var names = services.Values.Select(service => service.Metadata.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var orphan in listers.Services.ByLabel(pass.Namespace, ServingKeys.Route, pass.Name))
        {
            if (!names.Contains(orphan.Metadata.Name) && orphan.IsControlledBy(pass.Object))
            {
                await pass.TryAsync(() => DeleteAsync(pass, orphan.Metadata.Name, cancellation), cancellation);
            }
        }

        return services;
    }

    private async Task DeleteAsync(RoutePass pass, string orphan, CancellationToken cancellation)
    {
        await ChildObjects.DeleteAsync(pass.Client, ApiResources.Services, pass.Namespace, orphan, cancellation);
        if (listers.Endpoints.Get(pass.Namespace, orphan) is { } left && left.IsControlledBy(pass.Object))
        {
            await ChildObjects.DeleteAsync(pass.Client, ApiResources.Endpoints, pass.Namespace, orphan, cancellation);
        }
    }

    /// <summary>Points every Service to the load balancer of the Ingress, once it has one.</summary>
    public async Task PointAsync(
        RoutePass pass,
        IReadOnlyDictionary<string, CoreService> services,
        Ingress ingress,
        CancellationToken cancellation
    )
    {
        foreach (var service in services.Values)
        {
            var isPrivate = service.Metadata.Labels.Get(NetworkingKeys.Visibility) == NetworkingKeys.ClusterLocal;
            if (PlaceholderMaker.Point(pass.Object, service.Metadata.Name, ingress, isPrivate) is { } wanted)
            {
                await pass.TryAsync(() => PointAsync(pass, service, wanted.Service, cancellation), cancellation);
                await pass.TryAsync(() => EndpointsAsync(pass, service.Metadata.Name, wanted.Endpoints, cancellation), cancellation);
            }
        }
    }

    private async Task<CoreService?> HoldAsync(RoutePass pass, string hostname, string domain, CancellationToken cancellation)
    {
        try
        {
            var child = await pass.EnsureAsync(
                ApiResources.Services,
                listers.Services.Get(pass.Namespace, hostname),
                PlaceholderMaker.Hold(pass.Object, hostname, domain),
                static (existing, _) => existing,
                cancellation,
                new ChildEvents(events, $"placeholder service \"{hostname}\"")
            );
            return child.Object;
        }
        catch (ChildRefusedException error)
        {
            pass.Failures.Add(error);
            return null;
        }
    }

    private static async Task PointAsync(RoutePass pass, CoreService current, CoreService to, CancellationToken cancellation)
    {
        var spec = to.Spec!;
        var currentSpec = current.Spec ?? new CoreServiceSpec();
        var headless = spec.ClusterIP == "None";
        var canUpdate =
            currentSpec.Type == spec.Type
                ? spec.Type != "ClusterIP" || headless == (currentSpec.ClusterIP == "None")
                : currentSpec.Type == "ExternalName";
        if (!canUpdate)
        {
            // Its cluster IP is immutable, so changing the type needs a new Service.
            await pass.Client.DeleteAsync(ApiResources.Services, pass.Namespace, current.Metadata.Name, cancellation);
            await ChildObjects.CreateAsync(pass.Client, ApiResources.Services, to, pass.Object, cancellation);
            return;
        }

        if (
            ApiEquality.Covers(new CoreService { Spec = currentSpec }, new CoreService { Spec = spec })
            && ApiEquality.Covers(current.Metadata.Labels, to.Metadata.Labels)
            && ApiEquality.Covers(current.Metadata.Annotations, to.Metadata.Annotations)
        )
        {
            return;
        }

        var keepsAddress = currentSpec.Type == "ClusterIP" && spec.Type == "ClusterIP" && !headless;
        await pass.Client.UpdateAsync(
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
            cancellation
        );
    }

    private async Task EndpointsAsync(RoutePass pass, string name, Endpoints? wanted, CancellationToken cancellation)
    {
        var cached = listers.Endpoints.Get(pass.Namespace, name);
        if (wanted is not null)
        {
            await pass.EnsureAsync(
                ApiResources.Endpoints,
                cached,
                wanted,
                static (existing, wanted) =>
                    ApiEquality.Covers(existing with { Metadata = new() }, wanted with { Metadata = new() })
                        ? existing
                        : existing with
                        {
                            Subsets = wanted.Subsets,
                        },
                cancellation
            );
        }
        else if (cached?.IsControlledBy(pass.Object) == true)
        {
            await ChildObjects.DeleteAsync(pass.Client, ApiResources.Endpoints, pass.Namespace, name, cancellation);
        }
    }
}
