using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Kubernetes.Yaml;
using Serving.Tests.Support;

namespace Serving.Tests.Takeover;

/// <summary>The objects of <c>reference.yaml</c>.</summary>
internal static class ReferenceObjects
{
    /// <summary>The documents, as the cluster holds them.</summary>
    public static IReadOnlyList<JsonObject> All { get; } =
    [
        .. YamlDocuments
            .Read(File.ReadAllText(Repository.PathOf("Serving.Tests", "Takeover", "reference.yaml")))
            .Select(document => document.AsObject()),
    ];

    /// <summary>One of them.</summary>
    public static JsonObject Of(string kind, string name) =>
        All.Single(document => (string?)document["kind"] == kind && (string?)document["metadata"]!["name"] == name).DeepClone().AsObject();

    /// <summary>The resource of a document.</summary>
    public static ResourceType<Unstructured> TypeOf(JsonObject document) => Unstructured.Type(KindOf(document).Type);

    /// <summary>Stores a document in a cluster as it is.</summary>
    public static void Put(InMemoryCluster cluster, JsonObject document) => KindOf(document).Put(cluster, document);

    private static IReadOnlyList<(ResourceType Type, Action<InMemoryCluster, JsonObject> Put)> Kinds { get; } =
    [
        Kind(Resources.KnativeServices),
        Kind(Resources.Configurations),
        Kind(Resources.Routes),
        Kind(Resources.Revisions),
        Kind(Resources.Deployments),
        Kind(Resources.Images),
        Kind(Resources.PodAutoscalers),
        Kind(Resources.Metrics),
        Kind(Resources.ServerlessServices),
        Kind(Resources.Services),
        Kind(Resources.Endpoints),
        Kind(Resources.Pods),
        Kind(Resources.Ingresses),
    ];

    private static (ResourceType Type, Action<InMemoryCluster, JsonObject> Put) Kind<T>(ResourceType<T> type)
        where T : class, IKubernetesObject => (type, (cluster, document) => cluster.Put(type, document.Deserialize(type.Json)!));

    private static (ResourceType Type, Action<InMemoryCluster, JsonObject> Put) KindOf(JsonObject document) =>
        Kinds.Single(kind => kind.Type.ApiVersion == (string?)document["apiVersion"] && kind.Type.Kind == (string?)document["kind"]);
}
