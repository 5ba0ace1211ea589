using System.Globalization;
using System.Text.Json;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Layers;

namespace Serving.Networking.GatewayApi.Makers;

/// <summary>Makes the HTTPRoutes of a rule of an Ingress.</summary>
internal static class HttpRouteMaker
{
    /// <summary>How many rules an HTTPRoute takes.</summary>
    public const int MostRules = 16;

    /// <summary>The label with the tag of a Route whose hosts an HTTPRoute serves.</summary>
    public const string TagLabel = "networking.knative.dev/tag";

    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    /// <summary>
    /// The name of the first HTTPRoute of a rule: the last of its hosts in alphabetical order, which for the names of a cluster-local
    /// host is the longest.
    /// </summary>
    public static string NameOf(Ingress ingress, IngressRule rule) =>
        rule.Hosts.Max(StringComparer.Ordinal) is { Length: > 0 } host
            ? host.Replace("*", "wildcard", StringComparison.Ordinal)
            : ingress.Metadata.Name;

    /// <summary>The name of the HTTPRoute that sends clients of plain HTTP to HTTPS.</summary>
    public static string RedirectNameOf(string name) => name + "-redirect";

    /// <summary>
    /// The HTTPRoutes for these rules. More than fit in one are spread over several with the same hosts: Gateways merge the rules of a
    /// host, and the most specific match wins, in whichever HTTPRoute it is.
    /// </summary>
    /// <param name="ingress">Who controls them.</param>
    /// <param name="rule">The hosts and the visibility.</param>
    /// <param name="name">The name of the first; the others have a number after it.</param>
    /// <param name="parents">What they attach to.</param>
    /// <param name="rules">The rules.</param>
    public static IReadOnlyList<HttpRoute> Make(
        Ingress ingress,
        IngressRule rule,
        string name,
        IReadOnlyList<GatewayParentReference> parents,
        IReadOnlyList<HttpRouteRule> rules
    )
    {
        var metadata = Metadata(ingress, rule);
        return
        [
            .. rules
                .Chunk(MostRules)
                .Select(
                    (chunk, index) =>
                        new HttpRoute
                        {
                            ApiVersion = GatewayApiResources.HttpRoutes.ApiVersion,
                            Kind = GatewayApiResources.HttpRoutes.Kind,
                            Metadata = metadata with { Name = NameOf(name, index) },
                            Spec = new HttpRouteSpec
                            {
                                ParentRefs = parents,
                                Hostnames = [.. rule.Hosts.Order(StringComparer.Ordinal)],
                                Rules = chunk,
                            },
                        }
                ),
        ];
    }

    /// <summary>The name of the HTTPRoute at this index among those of a rule.</summary>
    public static string NameOf(string first, int index) =>
        index == 0 ? first : string.Create(CultureInfo.InvariantCulture, $"{first}-{index + 1}");

    /// <summary>A reference to a Gateway, or to one of its listeners.</summary>
    public static GatewayParentReference Parent(ObjectName gateway, string listener = "") =>
        new()
        {
            Group = GatewayApiResources.Group,
            Kind = GatewayApiResources.Gateways.Kind,
            Namespace = gateway.Namespace,
            Name = gateway.Name,
            SectionName = listener,
        };

    private static ObjectMeta Metadata(Ingress ingress, IngressRule rule)
    {
        var labels = new SortedDictionary<string, string>(ingress.Metadata.Labels.ToDictionary(), StringComparer.Ordinal)
        {
            // The Ingress of a DomainMapping has the name of its domain, which may be longer than the value of a label.
            [NetworkingKeys.Ingress] = ChildName.Of(ingress.Metadata.Name, ""),
            [NetworkingKeys.Visibility] = rule.Visibility == IngressVisibility.ClusterLocal ? NetworkingKeys.ClusterLocal : "",
        };
        if (TagOf(ingress, rule) is { } tag)
        {
            labels[TagLabel] = tag;
        }

        return new ObjectMeta
        {
            Namespace = ingress.Metadata.Namespace,
            Labels = labels,
            Annotations = ingress.Metadata.Annotations.Where(static pair => pair.Key != LastApplied).ToDictionary(),
            OwnerReferences = [Ownership.ControllerReference(Resources.Ingresses, ingress)],
        };
    }

    /// <summary>The tag whose hosts these are, by the annotation of the Ingress; null for none, or when the annotation is not
    /// readable.</summary>
    private static string? TagOf(Ingress ingress, IngressRule rule)
    {
        if (!ingress.Metadata.Annotations.TryGetValue(NetworkingKeys.TagToHost, out var text) || text.Length == 0)
        {
            return null;
        }

        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind != JsonValueKind.Object
                ? null
                : document
                    .RootElement.EnumerateObject()
                    .Where(tag => HostsOf(tag.Value).Any(rule.Hosts.Contains))
                    .Select(static tag => tag.Name)
                    .FirstOrDefault();
        }
        catch (JsonException)
        {
            // The label helps to find the HTTPRoutes of a tag; nothing depends on it.
            return null;
        }
    }

    private static IEnumerable<string> HostsOf(JsonElement hosts) =>
        hosts.ValueKind == JsonValueKind.Array
            ? hosts.EnumerateArray().Where(static host => host.ValueKind == JsonValueKind.String).Select(static host => host.GetString()!)
            : [];
}
