using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.GatewayApi.Makers;
using IngressPass = Serving.Kubernetes.Reconcilers.ReconcilePass<Serving.Api.Networking.Ingress, Serving.Api.Networking.IngressStatus>;

namespace Serving.Networking.GatewayApi.Objects;

/// <summary>Reads and writes the HTTPRoutes of Ingresses. Those of one rule are a sequence: <c>host</c>, <c>host-2</c>, and so
/// on.</summary>
internal sealed class RouteObjects(ILister<HttpRoute> routes, IEventRecorder events)
{
    private const string Accepted = "Accepted";
    private const string ResolvedRefs = "ResolvedRefs";

    /// <summary>The HTTPRoutes of the Ingress.</summary>
    public IReadOnlyList<HttpRoute> Of(Ingress ingress) => routes.ByOwner(ingress.Metadata.Uid);

    /// <summary>The rules of the HTTPRoutes with this name, as the cache has them; none when they do not exist or are not of this
    /// Ingress.</summary>
    public IReadOnlyList<HttpRouteRule> RulesOf(Ingress ingress, string name) =>
        [.. Sequence(ingress, name).SelectMany(static route => route.Spec.Rules)];

    /// <summary>
    /// Brings the HTTPRoutes of one name to what is wanted. When rules move to a later HTTPRoute, that is written before the one which
    /// loses them, and the other way round: a rule that two HTTPRoutes have for a moment is harmless, one that none has fails requests.
    /// </summary>
    public async Task<IReadOnlyList<HttpRoute>> EnsureAsync(
        IngressPass pass,
        string name,
        IReadOnlyList<HttpRoute> wanted,
        CancellationToken cancellation
    )
    {
        var grows = wanted.Count >= Sequence(pass.Object, name).Count();
        var written = new HttpRoute[wanted.Count];
        foreach (var index in grows ? Enumerable.Range(0, wanted.Count).Reverse() : Enumerable.Range(0, wanted.Count))
        {
            written[index] = await EnsureAsync(pass, wanted[index], cancellation);
        }

        return written;
    }

    /// <summary>Deletes the HTTPRoutes of the Ingress that are not named.</summary>
    public async Task PruneAsync(Ingress ingress, IReadOnlySet<string> wanted, IKubernetesClient client, CancellationToken cancellation)
    {
        foreach (var route in Of(ingress).Where(route => !wanted.Contains(route.Metadata.Name)))
        {
            await ChildObjects.DeleteAsync(
                client,
                GatewayApiResources.HttpRoutes,
                route.Metadata.Namespace,
                route.Metadata.Name,
                cancellation
            );
        }
    }

    /// <summary>Why an HTTPRoute does not count as routed, in a sentence; null when its Gateways accept it.</summary>
    public static string? Refusal(HttpRoute route)
    {
        foreach (var parent in route.Spec.ParentRefs)
        {
            // Controllers leave out what they default, and older entries may be those of a Gateway that is no longer named.
            var said = (route.Status?.Parents ?? []).Where(status => IsSame(status.ParentRef, parent, route)).ToList();
            if (said.Count == 0)
            {
                return $"{Title(route)} is not accepted yet by Gateway {parent.Namespace}/{parent.Name}: no controller wrote its status";
            }

            foreach (var conditions in said.Select(static status => status.Conditions))
            {
                var accepted = conditions.FirstOrDefault(static condition => condition.Type == Accepted);
                if (accepted is not { Status: "True" })
                {
                    return $"{Title(route)} is not accepted by Gateway {parent.Namespace}/{parent.Name}{Because(accepted)}";
                }

                if (conditions.FirstOrDefault(static condition => condition.Type == ResolvedRefs) is { Status: "False" } unresolved)
                {
                    return $"{Title(route)} has references that Gateway {parent.Namespace}/{parent.Name} cannot resolve"
                        + Because(unresolved);
                }
            }
        }

        return null;
    }

    private static bool IsSame(GatewayParentReference said, GatewayParentReference wanted, HttpRoute route) =>
        said.Name == wanted.Name
        && (said.Namespace.Length == 0 ? route.Metadata.Namespace : said.Namespace) == wanted.Namespace
        && said.SectionName == wanted.SectionName;

    private static string Title(HttpRoute route) => $"HTTPRoute {route.Metadata.Namespace}/{route.Metadata.Name}";

    private static string Because(Serving.Api.Core.Condition? condition) =>
        condition is null ? "" : $" ({condition.Type} is {condition.Status}, {condition.Reason}: {condition.Message})";

    private IEnumerable<HttpRoute> Sequence(Ingress ingress, string name)
    {
        for (var index = 0; ; index++)
        {
            var route = routes.Get(ingress.Metadata.Namespace, HttpRouteMaker.NameOf(name, index));
            if (route?.IsControlledBy(ingress) != true)
            {
                yield break;
            }

            yield return route;
        }
    }

    private async Task<HttpRoute> EnsureAsync(IngressPass pass, HttpRoute wanted, CancellationToken cancellation)
    {
        var child = await pass.EnsureAsync(
            GatewayApiResources.HttpRoutes,
            routes.Get(pass.Namespace, wanted.Metadata.Name),
            wanted,
            static (existing, wanted) =>
                existing with
                {
                    Metadata = existing.Metadata with { Labels = wanted.Metadata.Labels, Annotations = wanted.Metadata.Annotations },
                    Spec = wanted.Spec,
                },
            cancellation,
            new ChildEvents(events, $"HTTPRoute \"{wanted.Metadata.Name}\"") { NotCreated = "HTTPRoute" }
        );
        return child.Object;
    }
}
