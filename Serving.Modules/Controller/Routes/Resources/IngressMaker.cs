using System.Text.Json.Nodes;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Routes.Traffic;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.Routes.Resources;

/// <summary>The input of an Ingress besides the Route.</summary>
/// <param name="Traffic">The traffic targets.</param>
/// <param name="Rollout">The progress of the rollout.</param>
/// <param name="IsLocal">Whether a tag is cluster-local.</param>
/// <param name="Tls">Certificates of hosts.</param>
/// <param name="Challenges">Paths that certificate authorities must reach.</param>
internal sealed record IngressInput(
    TrafficConfig Traffic,
    Rollout Rollout,
    Func<string, bool> IsLocal,
    IReadOnlyList<IngressTls> Tls,
    IReadOnlyList<Http01Challenge> Challenges
);

/// <summary>Makes the Ingress of a Route: a rule for every tag and visibility.</summary>
internal static class IngressMaker
{
    /// <summary>The values of a rule's visibility.</summary>
    public const string ExternalIP = "ExternalIP";
    public const string ClusterLocal = "ClusterLocal";

    public static Ingress Make(Route route, IngressInput input, RouteDomains domains, ConfigSnapshot config)
    {
        var tagToHost = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
        var rules = new List<IngressRule>();
        foreach (var tag in input.Traffic.Targets.Keys)
        {
            foreach (var local in input.IsLocal(tag) ? (bool[])[true] : [true, false])
            {
                var domain = domains.Domain(tag, local);
                rules.Add(Rule(route, input, config, tag, local ? domains.Expand(domain) : [domain], local));
                if (tag.Length > 0)
                {
                    (tagToHost.TryGetValue(tag, out var hosts) ? hosts : tagToHost[tag] = []).Add(domain);
                }
            }
        }

        var annotations = Maps.Union(
            new Dictionary<string, string>
            {
                [NetworkingKeys.IngressClass.Key] =
                    NetworkingKeys.IngressClass.Value(route.Metadata.Annotations) ?? config.Network.IngressClass,
                [NetworkingKeys.Rollout] = input.Rollout.Serialize(),
            },
            route.Metadata.Annotations.Without(IsExcluded)
        );
        if (tagToHost.Count > 0)
        {
            annotations[NetworkingKeys.TagToHost] = new JsonObject(
                tagToHost.Select(pair =>
                    KeyValuePair.Create<string, JsonNode?>(pair.Key, new JsonArray([.. pair.Value.Select(host => JsonValue.Create(host))]))
                )
            ).ToJsonString();
        }

        return new Ingress
        {
            ApiVersion = ApiResources.Ingresses.ApiVersion,
            Kind = ApiResources.Ingresses.Kind,
            Metadata = new ObjectMeta
            {
                Name = Serving.Api.ChildName.Of(route.Metadata.Name, ""),
                Namespace = route.Metadata.Namespace,
                Labels = Maps.Union(
                    route.Metadata.Labels,
                    new Dictionary<string, string>
                    {
                        [ServingKeys.Route] = route.Metadata.Name,
                        [ServingKeys.RouteNamespace] = route.Metadata.Namespace,
                    }
                ),
                Annotations = annotations,
                OwnerReferences = [Ownership.ControllerReference(ApiResources.Routes, route)],
            },
            Spec = new IngressSpec
            {
                Rules = rules,
                Tls = input.Tls,
                HttpOption = HttpOption(route.Metadata.Annotations, config.Network),
            },
        };
    }

    /// <summary>Annotations that are not copied to Ingresses and Certificates: alternative spellings of copied ones, and client-side
    /// apply's.</summary>
    public static bool IsExcluded(string key) =>
        key == Maps.LastApplied || key == NetworkingKeys.CertificateClass.All[1] || key == NetworkingKeys.IngressClass.All[1];

    /// <summary>The Ingress's HTTP option: from the annotation, else from config-network. Throws when the annotation is invalid.</summary>
    public static string HttpOption(IReadOnlyDictionary<string, string> annotations, NetworkConfig network)
    {
        if (NetworkingKeys.HttpProtocol.Value(annotations) is { Length: > 0 } wanted)
        {
            return wanted.ToUpperInvariant() switch
            {
                "ENABLED" => "Enabled",
                "REDIRECTED" => "Redirected",
                _ => throw new FormatException($"incorrect http-protocol annotation: {wanted.ToLowerInvariant()}"),
            };
        }

        return network.HttpProtocol switch
        {
            HttpProtocol.Enabled => "Enabled",
            HttpProtocol.Redirected => "Redirected",
            _ => "",
        };
    }

    /// <summary>The path of a pending challenge.</summary>
    public static HttpIngressPath ChallengePath(Http01Challenge challenge) =>
        new()
        {
            Path = new Uri(challenge.Url).AbsolutePath,
            Splits =
            [
                new IngressBackendSplit
                {
                    ServiceNamespace = challenge.ServiceNamespace,
                    ServiceName = challenge.ServiceName,
                    ServicePort = challenge.ServicePort,
                    Percent = 100,
                },
            ],
        };

    private static IngressRule Rule(
        Route route,
        IngressInput input,
        ConfigSnapshot config,
        string tag,
        IReadOnlyList<string> hosts,
        bool local
    )
    {
        var ns = route.Metadata.Namespace;
        var path = Path(ns, input, tag, config.Network.SystemInternalTls);
        var paths = new List<HttpIngressPath>();
        if (!local)
        {
            paths.AddRange(input.Challenges.Where(challenge => new Uri(challenge.Url).Host == hosts[0]).Select(ChallengePath));
        }

        if (config.Features.TagHeaderBasedRouting != FeatureFlag.Enabled)
        {
            paths.Add(path);
        }
        else if (tag.Length > 0)
        {
            // Requests to the tag's host get the tag header too, like requests that are routed by it.
            paths.Add(path with { AppendHeaders = new Dictionary<string, string> { [Headers.Tag] = tag } });
        }
        else
        {
            paths.AddRange(
                input
                    .Traffic.Targets.Keys.Where(name => name.Length > 0)
                    .Select(name =>
                        Path(ns, input, name, config.Network.SystemInternalTls) with
                        {
                            Headers = new Dictionary<string, HeaderMatch> { [Headers.Tag] = new() { Exact = name } },
                        }
                    )
            );
            paths.Add(path with { AppendHeaders = new Dictionary<string, string> { [Headers.DefaultRoute] = "true" } });
        }

        return new IngressRule
        {
            Hosts = hosts,
            Visibility = local ? ClusterLocal : ExternalIP,
            Http = new HttpIngressRuleValue { Paths = paths },
        };
    }

    private static HttpIngressPath Path(string ns, IngressInput input, string tag, bool encrypted)
    {
        var splits = new List<IngressBackendSplit>();
        foreach (var target in input.Traffic.Targets[tag].Where(target => target.Percent > 0))
        {
            var gradual =
                target.LatestRevision == true
                    ? input.Rollout.Configurations.FirstOrDefault(configuration =>
                        configuration.Tag == tag && configuration.ConfigurationName == target.ConfigurationName
                    )
                    : null;
            IEnumerable<RevisionRollout> shares =
                gradual?.Revisions.Count >= 2 ? gradual.Revisions : [new RevisionRollout(target.RevisionName, (int)target.Percent)];
            var port =
                encrypted ? NetworkingKeys.ServiceHttpsPort
                : target.Protocol == NetworkingKeys.ProtocolH2C ? NetworkingKeys.ServiceHttp2Port
                : NetworkingKeys.ServiceHttpPort;
            splits.AddRange(
                shares.Select(share => new IngressBackendSplit
                {
                    ServiceNamespace = ns,
                    ServiceName = share.RevisionName,
                    ServicePort = port,
                    Percent = share.Percent,
                    AppendHeaders = new Dictionary<string, string> { [Headers.Namespace] = ns, [Headers.Revision] = share.RevisionName },
                })
            );
        }

        return new HttpIngressPath { Splits = splits };
    }
}
