using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Knative;
using Serving.Api.Validation;

namespace Serving.Tests.Api;

/// <summary>Documents for tests of defaults and validation.</summary>
internal static class Documents
{
    public static AdmissionContext Create { get; } = new(ConfigSnapshot.Default);

    public static AdmissionContext Update { get; } = new(ConfigSnapshot.Default, AdmissionOperation.Update);

    public static AdmissionContext With(FeaturesConfig features) => new(ConfigSnapshot.Default with { Features = features });

    public static T Read<T>(ResourceType<T> type, string json)
        where T : class, IKubernetesObject => JsonSerializer.Deserialize(json, type.Json)!;

    public static JsonNode Write<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject => JsonNode.Parse(JsonSerializer.Serialize(value, type.Json))!;

    /// <summary>A Service named <c>byo</c> whose template has this specification and metadata.</summary>
    public static Service Service(
        string podSpec = """{"containers":[{"image":"busybox"}]}""",
        string template = "{}",
        string traffic = "[]",
        string metadata = """{"name":"byo","namespace":"default"}"""
    ) =>
        Read(
            Resources.KnativeServices,
            $$"""{"metadata":{{metadata}},"spec":{"template":{"metadata":{{template}},"spec":{{podSpec}} },"traffic":{{traffic}} } }"""
        );

    public static Route Route(string traffic, string metadata = """{"name":"byo","namespace":"default"}""") =>
        Read(Resources.Routes, $$"""{"metadata":{{metadata}},"spec":{"traffic":{{traffic}} } }""");
}
