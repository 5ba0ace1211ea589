using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Routes.Resources;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.DomainMappings.Resources;

/// <summary>The input of a DomainMapping's Ingress.</summary>
/// <param name="Backend">The Kubernetes Service that the reference resolved to.</param>
/// <param name="Host">The host name of that Service's Route.</param>
/// <param name="IngressClass">The class.</param>
/// <param name="HttpOption">How plain HTTP is handled.</param>
/// <param name="Tls">The certificate.</param>
/// <param name="Challenges">Paths that certificate authorities must reach.</param>
internal sealed record DomainMappingInput(
    string Backend,
    string Host,
    string IngressClass,
    string HttpOption,
    IReadOnlyList<IngressTls> Tls,
    IReadOnlyList<Http01Challenge> Challenges
);

/// <summary>Makes the Ingress of a DomainMapping: its domain routes to the referenced Service, with the host rewritten to that
/// Service's.</summary>
internal static class DomainMappingIngressMaker
{
    public static Ingress Make(DomainMapping mapping, DomainMappingInput input)
    {
        var name = mapping.Metadata.Name;
        var path = new HttpIngressPath
        {
            RewriteHost = input.Host,
            Splits =
            [
                new IngressBackendSplit
                {
                    ServiceNamespace = mapping.Metadata.Namespace,
                    ServiceName = input.Backend,
                    ServicePort = NetworkingKeys.ServiceHttpPort,
                    Percent = 100,
                    AppendHeaders = new Dictionary<string, string> { [Headers.OriginalHost] = name },
                },
            ],
        };
        var own = input.Challenges.Where(challenge => HostOf(challenge) == name).Select(IngressMaker.ChallengePath);
        var others = input
            .Challenges.Where(challenge => HostOf(challenge) != name)
            .Select(challenge => Rule(HostOf(challenge), [IngressMaker.ChallengePath(challenge)]));
        return new Ingress
        {
            ApiVersion = ApiResources.Ingresses.ApiVersion,
            Kind = ApiResources.Ingresses.Kind,
            Metadata = new ObjectMeta
            {
                Name = ChildName.Of(name, ""),
                Namespace = mapping.Metadata.Namespace,
                Annotations = Maps.Union(
                    new Dictionary<string, string> { [NetworkingKeys.IngressClass.Key] = input.IngressClass },
                    mapping.Metadata.Annotations.Without(IngressMaker.IsExcluded)
                ),
                Labels = Maps.Union(
                    mapping.Metadata.Labels,
                    new Dictionary<string, string>
                    {
                        [ServingKeys.DomainMappingUid] = mapping.Metadata.Uid,
                        [ServingKeys.DomainMappingNamespace] = mapping.Metadata.Namespace,
                    }
                ),
                OwnerReferences = [Ownership.ControllerReference(ApiResources.DomainMappings, mapping)],
            },
            Spec = new IngressSpec
            {
                HttpOption = input.HttpOption,
                Tls = input.Tls,
                Rules = [Rule(name, [.. own, path]), .. others],
            },
        };
    }

    private static IngressRule Rule(string host, IReadOnlyList<HttpIngressPath> paths) =>
        new()
        {
            Hosts = [host],
            Visibility = IngressMaker.ExternalIP,
            Http = new HttpIngressRuleValue { Paths = paths },
        };

    private static string HostOf(Http01Challenge challenge) => new Uri(challenge.Url).Host;
}
