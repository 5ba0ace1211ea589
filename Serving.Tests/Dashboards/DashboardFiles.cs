using System.Text.Json.Nodes;
using Serving.Tests.Support;

namespace Serving.Tests.Dashboards;

/// <summary>The dashboards of <c>deploy/grafana</c>: their sources, and the files that are made of them.</summary>
internal static class DashboardFiles
{
    /// <summary>Set to 1, the tests write the files instead of comparing them.</summary>
    public const string UpdateVariable = "SERVING_UPDATE_DOCS";

    /// <summary>The sources by file name without its ending, in the order in which dashboards link to each other.</summary>
    public static IReadOnlyDictionary<string, DashboardSource> Sources { get; } =
        new[] { "overview", "service", "autoscaling", "cold-starts", "gateway", "sidecars", "control-plane" }.ToDictionary(
            static name => name,
            static name => DashboardSource.Read(File.ReadAllText(SourceOf(name)))
        );

    /// <summary>The names of all sources that there are.</summary>
    public static IEnumerable<string> SourceNames =>
        Directory
            .EnumerateFiles(Repository.PathOf("deploy", "grafana", "source"))
            .Select(static path => Path.GetFileNameWithoutExtension(path)!);

    /// <summary>The path of a source.</summary>
    public static string SourceOf(string name) => Repository.PathOf("deploy", "grafana", "source", $"{name}.yaml");

    /// <summary>The path of a dashboard.</summary>
    public static string PathOf(string name) => Repository.PathOf("deploy", "grafana", "dashboards", $"serving-{name}.json");

    /// <summary>What the file of a dashboard should contain.</summary>
    public static string Expected(string name) => DashboardJson.Write(Sources[name], Sources.Values);

    /// <summary>The dashboard as it is in the file.</summary>
    public static JsonObject Read(string name) => JsonNode.Parse(File.ReadAllText(PathOf(name)))!.AsObject();

    /// <summary>The panels of a dashboard, without rows.</summary>
    public static IEnumerable<JsonObject> PanelsOf(JsonObject dashboard) =>
        dashboard["panels"]!.AsArray().Select(static panel => panel!.AsObject()).Where(static panel => panel["type"]!.ToString() != "row");

    /// <summary>The queries of a panel.</summary>
    public static IEnumerable<string> QueriesOf(JsonObject panel) =>
        panel["targets"]!.AsArray().Select(static target => target!["expr"]!.ToString());

    /// <summary>The queries of the variables, as <c>label_values(series, label)</c>.</summary>
    public static IEnumerable<string> VariableQueriesOf(JsonObject dashboard) =>
        dashboard["templating"]!["list"]!
            .AsArray()
            .Where(static one => one!["type"]!.ToString() == "query")
            .Select(static one => one!["query"]!["query"]!.ToString());
}
