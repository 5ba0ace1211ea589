using Serving.Api;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Informers;
using Serving.StatusPages.Models;

namespace Serving.StatusPages.Pages;

/// <summary>Builds the page of one revision.</summary>
/// <param name="caches">The caches.</param>
internal sealed class RevisionBuilder(IInformerCaches caches)
{
    public StatusPage Build(string ns, string name)
    {
        if (caches.Find(Resources.Revisions)?.Get(ns, name) is not { } revision)
        {
            return ProblemPage.NotFound($"There is no Revision {ns}/{name} in the cache of this process.");
        }

        var owner = revision.Metadata.Labels.GetValueOrDefault(ServingKeys.Service, "");
        var service = owner.Length == 0 ? null : caches.Find(Resources.KnativeServices)?.Get(ns, owner);
        var autoscaler = caches.Find(Resources.PodAutoscalers)?.Get(ns, name);
        var serverless = caches.Find(Resources.ServerlessServices)?.Get(ns, name);
        var pods = Rows.PodsOf(caches.Find(Resources.Pods, labelSelector: ServingKeys.Revision), ns, ServingKeys.Revision, name);
        List<ConditionGroup> conditions = [Rows.GroupOf("Revision", revision.Status.Conditions)];
        if (autoscaler is not null)
        {
            conditions.Add(Rows.GroupOf("PodAutoscaler", autoscaler.Status.Conditions));
        }

        if (serverless is not null)
        {
            conditions.Add(Rows.GroupOf("ServerlessService", serverless.Status.Conditions));
        }

        return new RevisionPage
        {
            Title = $"Revision {ns}/{name}",
            Namespace = ns,
            Service = owner,
            Revision = Rows.RevisionOf(revision, autoscaler, service, pods),
            Containers = ContainersOf(revision),
            ContainerConcurrency = revision.Spec.ContainerConcurrency ?? 0,
            TimeoutSeconds = revision.Spec.TimeoutSeconds,
            Conditions = conditions,
            PodCount = pods.Count,
            Pods = Rows.Listed(pods),
        };
    }

    private static IReadOnlyList<ContainerRow> ContainersOf(Revision revision) =>
        [
            .. revision
                .Spec.Containers.Take(ServicePage.MostListed)
                .Select(container => new ContainerRow(
                    container.Name,
                    container.Image,
                    revision.Status.ContainerStatuses.FirstOrDefault(status => status.Name == container.Name)?.ImageDigest ?? ""
                )),
        ];
}
