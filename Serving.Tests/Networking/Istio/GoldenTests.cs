using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Networking.Istio.Objects;
using Serving.Networking.Layers;

namespace Serving.Tests.Networking.Istio;

/// <summary>
/// The objects that are made for every shape of Ingress which Knative's public conformance suite and our controller make.
/// </summary>
public sealed class GoldenTests
{
    private static readonly ClusterEnvironment Environment = new("knative-serving", "cluster.local", "serving-0", IPAddress.Loopback);

    private static IEnumerable<string> Names => GoldenFile.Names;

    [TestCaseSource(nameof(Names))]
    public void Makes_the_expected_objects(string name)
    {
        var file = GoldenFile.Read(name);
        var hash = IngressHash.Compute(IngressRules.WithDefaults(file.Ingress));

        var made = new JsonArray([.. Objects(Plan(file)).Select(static made => Bare(made))]);

        var actual = made.ToJsonString(ApiJson.Default.Options).Replace(hash, "HASH", StringComparison.Ordinal);
        JsonNode
            .DeepEquals(JsonNode.Parse(actual), new JsonArray([.. file.Expected.Select(static node => node.DeepClone())]))
            .Should()
            .BeTrue("these objects were made: {0}", actual);
    }

    [TestCaseSource(nameof(Names))]
    public void What_is_made_is_valid(string name)
    {
        foreach (var made in Objects(Plan(GoldenFile.Read(name))).Where(static made => made["kind"]!.GetValue<string>() != "Secret"))
        {
            IstioSchemas.Validate(made).Should().BeEmpty("{0} is valid", made);
        }
    }

    [TestCaseSource(nameof(Names))]
    public void Every_object_of_the_Ingress_is_owned_and_found_by_its_label(string name)
    {
        var file = GoldenFile.Read(name);
        var objects = Plan(file);

        foreach (var made in (IEnumerable<KubernetesObject>)[.. objects.VirtualServices, .. objects.Gateways, .. objects.DestinationRules])
        {
            made.Metadata.OwnerReferences.Should().ContainSingle(owner => owner.Uid == "ingress-uid" && owner.Controller == true);
            made.Metadata.Labels.Should().Contain("networking.internal.knative.dev/ingress", file.Ingress.Metadata.Name);
        }

        foreach (var service in objects.VirtualServices)
        {
            service.Metadata.Annotations.Should().BeEquivalentTo(file.Ingress.Metadata.Annotations);
        }

        foreach (var (gateway, owner) in objects.SharedGateways)
        {
            gateway.Metadata.OwnerReferences.Should().ContainSingle(reference => reference.Uid == owner.Metadata.Uid);
        }
    }

    [TestCaseSource(nameof(Names))]
    public void Ports_of_a_Gateway_have_names_of_their_own(string name)
    {
        foreach (var gateway in Plan(GoldenFile.Read(name)).Gateways)
        {
            gateway.Spec.Servers.Select(static server => server.Port.Name).Should().OnlyHaveUniqueItems().And.NotBeEmpty();
        }
    }

    [Test]
    public void A_field_that_Istio_does_not_know_is_not_valid()
    {
        var objects = Objects(Plan(GoldenFile.Read("tls"))).Where(static made => made["kind"]!.GetValue<string>() != "Secret").ToList();
        foreach (var made in objects)
        {
            made["spec"]!["surprise"] = true;
            IstioSchemas.Validate(made).Should().Equal("unknown field spec.surprise");
        }

        var gateway = objects.Single(static made => made["kind"]!.GetValue<string>() == "Gateway");
        gateway["spec"]!.AsObject().Remove("surprise");
        gateway["spec"]!["servers"]![0]!["tls"]!["mode"] = "SIMPEL";
        gateway["spec"]!["servers"]![0]!["port"]!.AsObject().Remove("protocol");
        IstioSchemas.Validate(gateway).Should().HaveCount(2);
    }

    private static IstioObjects Plan(GoldenFile file)
    {
        var (secrets, services) = (new InformerCache<Secret>(), new InformerCache<CoreService>());
        file.Secrets.ForEach(secret => secrets.Set(secret));
        file.Services.ForEach(service => services.Set(service));
        return new IstioPlanner(secrets, services, Environment).Plan(
            IngressRules.WithDefaults(file.Ingress),
            file.Config.Istio,
            file.Config.Network
        );
    }

    private static IEnumerable<JsonObject> Objects(IstioObjects objects) =>
        [
            .. objects.Secrets.Select(static secret => Json(Resources.Secrets, secret)),
            .. objects.SharedGateways.Select(static shared => Json(IstioResources.Gateways, shared.Gateway)),
            .. objects.Gateways.Select(static gateway => Json(IstioResources.Gateways, gateway)),
            .. objects.DestinationRules.Select(static rule => Json(IstioResources.DestinationRules, rule)),
            .. objects.VirtualServices.Select(static service => Json(IstioResources.VirtualServices, service)),
        ];

    private static JsonObject Json<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject => JsonSerializer.SerializeToNode(value, type.Json)!.AsObject();

    /// <summary>The object without owners and annotations, and without the bytes of a certificate that is made anew in each test.</summary>
    private static JsonObject Bare(JsonObject made)
    {
        made["metadata"]!.AsObject().Remove("ownerReferences");
        if (made["kind"]!.GetValue<string>() == "Secret")
        {
            made["data"] = new JsonArray([.. made["data"]!.AsObject().Select(static entry => JsonValue.Create(entry.Key))]);
        }
        else
        {
            made["metadata"]!.AsObject().Remove("annotations");
        }

        return made;
    }
}
