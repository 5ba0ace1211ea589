using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.GatewayApi;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Yaml;
using Serving.Networking.GatewayApi;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.GatewayApi;

/// <summary>
/// Every shape of Ingress that Routes, DomainMappings and the public conformance suite make, and the objects that it becomes. A file of
/// <c>Shapes</c> has the Ingress first. With <c>SERVING_TEST_WRITE_SHAPES=1</c> the tests write the files anew, to be reviewed.
/// </summary>
public sealed class ShapeTests
{
    private static IEnumerable<string> Shapes =>
        Directory.EnumerateFiles(Folder, "*.yaml").Select(static file => Path.GetFileNameWithoutExtension(file)!).Order();

    private static string Folder { get; } = Repository.PathOf("Serving.Tests", "Networking", "GatewayApi", "Shapes");

    [TestCaseSource(nameof(Shapes))]
    public async Task Becomes_these_objects(string shape)
    {
        var file = Path.Combine(Folder, shape + ".yaml");
        var documents = YamlDocuments.Read(await File.ReadAllTextAsync(file));
        using var world = new GatewayApiWorld();
        var ingress = JsonSerializer.Deserialize(documents[0], Resources.Ingresses.Json)!;
        world.Cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Metadata = ingress.Metadata with
                {
                    Uid = GatewayApiWorld.Uid,
                    Annotations = new Dictionary<string, string>(ingress.Metadata.Annotations)
                    {
                        [NetworkingKeys.IngressClass.Key] = GatewayApiModule.Layer.IngressClass,
                    },
                },
            }
        );

        await world.ReconcileAsync(ingress.Metadata.Name);

        var made = Made(world).ToList();
        if (Environment.GetEnvironmentVariable("SERVING_TEST_WRITE_SHAPES") == "1")
        {
            await File.WriteAllTextAsync(file, string.Join("---\n", made.Prepend(documents[0]).Select(YamlWriter.Write)));
        }

        string.Join("---\n", made.Select(YamlWriter.Write)).Should().Be(string.Join("---\n", documents.Skip(1).Select(YamlWriter.Write)));
    }

    [Test]
    public void Every_shape_is_there() =>
        Shapes
            .Should()
            .BeEquivalentTo(
                "basics",
                "challenge",
                "cluster-local",
                "domain-mapping",
                "grpc",
                "headers",
                "hosts",
                "many-paths",
                "paths",
                "percentage",
                "redirect",
                "redirect-challenge",
                "tag-headers",
                "tags",
                "tls",
                "tls-several-hosts",
                "visibility"
            );

    /// <summary>HTTPRoutes, grants, and Gateways that have more than the listener they had.</summary>
    private static IEnumerable<JsonNode> Made(GatewayApiWorld world) =>
        [
            .. world.Routes.Select(static route => Json(GatewayApiResources.HttpRoutes, route)),
            .. world
                .Cluster.All(GatewayApiResources.ReferenceGrants)
                .Select(static grant => Json(GatewayApiResources.ReferenceGrants, grant)),
            .. world
                .Cluster.All(GatewayApiResources.Gateways)
                .Where(static gateway => gateway.Spec.Listeners.Count > 1)
                .Select(static gateway => Json(GatewayApiResources.Gateways, gateway)),
        ];

    private static JsonObject Json<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject
    {
        var json = JsonSerializer.SerializeToNode(value, type.Json)!.AsObject();
        var metadata = json["metadata"]!.AsObject();
        foreach (var field in (string[])["uid", "resourceVersion", "generation", "creationTimestamp"])
        {
            metadata.Remove(field);
        }

        return json;
    }
}
