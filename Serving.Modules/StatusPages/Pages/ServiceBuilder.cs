using Serving.Api;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Informers;
using Serving.StatusPages.Models;

namespace Serving.StatusPages.Pages;

/// <summary>Builds the page of one Service.</summary>
/// <param name="caches">The caches.</param>
internal sealed class ServiceBuilder(IInformerCaches caches)
{
    public StatusPage Build(string ns, string name)
    {
        if (caches.Find(Resources.KnativeServices)?.Get(ns, name) is not { } service)
        {
            return ProblemPage.NotFound($"There is no Service {ns}/{name} in the cache of this process.");
        }

        var pods = caches.Find(Resources.Pods, labelSelector: ServingKeys.Revision);
        var autoscalers = caches.Find(Resources.PodAutoscalers);
        var revisions = caches.Find(Resources.Revisions)?.ByLabel(ns, ServingKeys.Service, name) ?? [];
        var own = Rows.PodsOf(pods, ns, ServingKeys.Service, name);
        return new ServicePage
        {
            Title = $"Service {ns}/{name}",
            Service = OverviewBuilder.RowOf(service, pods),
            IsDeleting = service.Metadata.DeletionTimestamp is not null,
            IsOutdated = service.Metadata.Generation is { } generation && service.Status.ObservedGeneration != generation,
            Conditions = [Rows.GroupOf("Service", service.Status.Conditions)],
            Traffic = [.. service.Status.Traffic.Take(ServicePage.MostListed).Select(Rows.TrafficOf)],
            RevisionCount = revisions.Count,
            Revisions =
            [
                .. revisions
                    .OrderByDescending(static revision => revision.Metadata.CreationTimestamp)
                    .ThenByDescending(static revision => revision.Metadata.Name, StringComparer.Ordinal)
                    .Take(ServicePage.MostListed)
                    .Select(revision =>
                        Rows.RevisionOf(
                            revision,
                            autoscalers?.Get(ns, revision.Metadata.Name),
                            service,
                            Rows.PodsOf(pods, ns, ServingKeys.Revision, revision.Metadata.Name)
                        )
                    ),
            ],
            PodCount = own.Count,
            Pods = Rows.Listed(own),
        };
    }
}
