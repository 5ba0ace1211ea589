using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Kubernetes.Yaml;
using Serving.Tests.Support;

namespace Serving.Tests.Deploy;

/// <summary>The objects of one of the files that install Serving.</summary>
internal static class RenderedManifest
{
    /// <summary>The rendered files of <c>deploy/</c>, the default install first.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. Directory
            .EnumerateFiles(Repository.PathOf("deploy"), "serving*.yaml")
            .Select(path => Path.GetFileName(path)!)
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>The full path of a rendered file.</summary>
    public static string PathOf(string name) => Repository.PathOf("deploy", name);

    /// <summary>The objects of a rendered file, in its order.</summary>
    public static IReadOnlyList<Unstructured> Read(string name) => Parse(File.ReadAllText(PathOf(name)));

    /// <summary>The objects of a text that Kustomize rendered.</summary>
    public static IReadOnlyList<Unstructured> Parse(string text) =>
        [.. YamlDocuments.Read(text).Select(document => new Unstructured((JsonObject)document))];

    /// <summary>The strings of a map at a path; empty when there is none.</summary>
    public static Dictionary<string, string> Strings(this Unstructured value, params ReadOnlySpan<string> path) =>
        value.Get(path) is { ValueKind: JsonValueKind.Object } map
            ? map.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetString()!)
            : [];

    /// <summary>The labels of a Deployment's pods.</summary>
    public static Dictionary<string, string> PodLabels(this Unstructured deployment) =>
        deployment.Strings("spec", "template", "metadata", "labels");

    /// <summary>The one container of a Deployment's pods.</summary>
    public static JsonElement Container(this Unstructured deployment) =>
        deployment.Get("spec", "template", "spec", "containers")!.Value.EnumerateArray().Single();

    /// <summary>Whether pods with these labels are meant by a selector of labels.</summary>
    public static bool Selects(this Dictionary<string, string> selector, Dictionary<string, string> labels) =>
        selector.All(entry => labels.GetValueOrDefault(entry.Key) == entry.Value);
}
