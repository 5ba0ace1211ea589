using System.Text.Json;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>A Knative Service, or a Route with its Configuration, as YAML. Parts are in flow style, without their outer braces.</summary>
/// <param name="Name">Its name.</param>
internal sealed record ServiceManifest(string Name)
{
    /// <summary>Annotations of the Service itself.</summary>
    public string Annotations { get; init; } = "";

    /// <summary>Labels of the Service itself.</summary>
    public string Labels { get; init; } = "";

    /// <summary>The name of the Revision; empty for a generated one.</summary>
    public string RevisionName { get; init; } = "";

    /// <summary>Annotations of the Revision, without <c>autoscaling.knative.dev/</c>, such as <c>min-scale: 2</c>.</summary>
    public (string Key, string Value)[] Scaling { get; init; } = [];

    /// <summary>Other annotations of the Revision.</summary>
    public string RevisionAnnotations { get; init; } = "";

    /// <summary>Arguments of the program.</summary>
    public string[] Arguments { get; init; } = [];

    /// <summary>Environment variables of the container.</summary>
    public (string Name, string Value)[] Environment { get; init; } = [];

    /// <summary>Additional fields of the container.</summary>
    public string Container { get; init; } = "";

    /// <summary>Additional containers.</summary>
    public string[] Sidecars { get; init; } = [];

    /// <summary>Additional fields of the Revision.</summary>
    public string Spec { get; init; } = "";

    /// <summary>The traffic targets; empty for the latest Revision.</summary>
    public string Traffic { get; init; } = "";

    /// <summary>The Service.</summary>
    /// <param name="ns">Its namespace.</param>
    /// <param name="image">The image of its container.</param>
    public string ToService(string ns, string image) =>
        $$"""
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata: {name: {{Name}}, namespace: {{ns}}, annotations: { {{Annotations}} }, labels: { {{Labels}} } }
            spec:
              template: {{Template(image)}}
              {{(Traffic.Length > 0 ? $"traffic: [{Traffic}]" : "")}}
            """;

    /// <summary>A Configuration and its Route, without a Service.</summary>
    public string ToConfigurationAndRoute(string ns, string image) =>
        $$"""
            apiVersion: serving.knative.dev/v1
            kind: Configuration
            metadata: {name: {{Name}}, namespace: {{ns}} }
            spec:
              template: {{Template(image)}}
            ---
            apiVersion: serving.knative.dev/v1
            kind: Route
            metadata: {name: {{Name}}, namespace: {{ns}} }
            spec: {traffic: [{configurationName: {{Name}}, latestRevision: true, percent: 100}]}
            """;

    private string Template(string image)
    {
        var annotations = string.Join(
            ", ",
            Scaling
                .Select(entry => $"autoscaling.knative.dev/{entry.Key}: {Quote(entry.Value)}")
                .Append(RevisionAnnotations)
                .Where(part => part.Length > 0)
        );
        var environment = string.Join(", ", Environment.Select(variable => $"{{name: {variable.Name}, value: {Quote(variable.Value)}}}"));
        var container =
            $"{{image: {Quote(image)}, args: [{string.Join(", ", Arguments.Select(Quote))}], env: [{environment}]{Also(Container)}}}";
        var name = RevisionName.Length > 0 ? $"name: {RevisionName}, " : "";
        return $"{{metadata: {{{name}annotations: {{{annotations}}}}}, spec: {{containers: [{string.Join(", ", [container, .. Sidecars])}]{Also(Spec)}}}}}";
    }

    private static string Also(string fields) => fields.Length > 0 ? ", " + fields : "";

    // A JSON string is valid YAML.
    private static string Quote(string text) => JsonSerializer.Serialize(text);
}
