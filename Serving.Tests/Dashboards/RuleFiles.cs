using System.Text.Json.Nodes;
using Serving.Kubernetes.Yaml;
using Serving.Tests.Support;

namespace Serving.Tests.Dashboards;

/// <summary>The rules of <c>deploy/prometheus/rules</c>.</summary>
internal static class RuleFiles
{
    /// <summary>The folder of everything for Prometheus.</summary>
    public static string Folder { get; } = Repository.PathOf("deploy", "prometheus");

    /// <summary>The rule files.</summary>
    public static IReadOnlyList<string> Paths { get; } =
    [.. Directory.EnumerateFiles(Path.Combine(Folder, "rules"), "*.yaml").Order(StringComparer.Ordinal)];

    /// <summary>All rules, those that record and those that alert.</summary>
    public static IReadOnlyList<JsonObject> Rules { get; } =
    [
        .. Paths
            .SelectMany(static path => YamlDocuments.Read(File.ReadAllText(path)))
            .SelectMany(static file => file["groups"]!.AsArray())
            .SelectMany(static group => group!["rules"]!.AsArray())
            .Select(static rule => rule!.AsObject()),
    ];

    /// <summary>The alerts.</summary>
    public static IReadOnlyList<JsonObject> Alerts { get; } = [.. Rules.Where(static rule => rule["alert"] is not null)];

    /// <summary>The names of the alerts.</summary>
    public static IReadOnlyList<string> AlertNames { get; } = [.. Alerts.Select(static rule => rule["alert"]!.ToString())];
}
