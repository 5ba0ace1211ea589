using System.Text.Json.Nodes;
using Serving.Api.Schema;
using Serving.Kubernetes.Yaml;
using Serving.LocalCluster.ApiServer.Patches;
using Serving.Tests.Support;

namespace Serving.Tests.Webhook;

/// <summary>
/// A row of the tables in <c>Webhook/Tables</c>: an object written under a configuration, and the expected result of admission.
/// </summary>
/// <remarks>
/// A table has a <c>kind</c> and a <c>base</c>, a valid document. A row merges <c>with</c> into it (RFC 7386), or only one part:
/// <c>pod</c> (the pod specification), <c>container</c> (the only one), <c>beside</c> (one beside the serving one), <c>init</c>,
/// <c>volume</c> (mounted by the only container), <c>annotations</c>. <c>old</c> is merged in the same way and makes the row an
/// update. <c>config</c> is the data of ConfigMaps. The expected result is <c>refusal</c> and <c>warnings</c>, or neither when the
/// object is accepted; or <c>undecodable</c>, why it cannot be decoded; or <c>gives</c>, the changes that the defaults make. In
/// refusals <c>~</c> stands for the path of the pod specification, <c>#</c> for that of the row's container, <c>autoscaling/</c> for
/// <c>autoscaling.knative.dev/</c>, <c>reserve/</c> for
/// <c>autoscaling.serving.dev/</c>, and <c>[1035]</c>, <c>[1123]</c>, <c>[subdomain]</c>, <c>[qualified]</c>, <c>[identifier]</c> for
/// Kubernetes' messages about such names.
/// </remarks>
internal sealed record AdmissionCase(
    string Table,
    string Name,
    JsonObject Row,
    JsonObject Object,
    JsonObject? Old,
    string Group,
    string Version,
    string Kind,
    string Path
)
{
    private const string Busybox = """{"image":"busybox"}""";

    private static readonly Dictionary<string, string> Words = new(StringComparer.Ordinal)
    {
        ["autoscaling/"] = "autoscaling.knative.dev/",
        ["reserve/"] = "autoscaling.serving.dev/",
        ["[1035]"] =
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
            + "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
        ["[1123]"] =
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
            + "character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ["[subdomain]"] =
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
            + "alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        ["[qualified]"] =
            "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
            + "'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
        ["[identifier]"] =
            "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. "
            + "'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
    };

    /// <summary>The rows of all tables whose name starts with a prefix.</summary>
    public static IEnumerable<AdmissionCase> All { get; } =
    [
        .. Directory
            .EnumerateFiles(Repository.PathOf("Serving.Tests", "Webhook", "Tables"), "*.yaml")
            .Order(StringComparer.Ordinal)
            .SelectMany(Read),
    ];

    /// <summary>The configuration of the row: ConfigMaps by name.</summary>
    public IEnumerable<(string Map, IReadOnlyDictionary<string, string> Data)> Config =>
        (Row["config"] as JsonObject ?? []).Select(m =>
            (m.Key, (IReadOnlyDictionary<string, string>)m.Value!.AsObject().ToDictionary(d => d.Key, d => Text(d.Value)))
        );

    /// <summary>Why the object is rejected; empty when it is accepted.</summary>
    public string Refusal => Expand(Text(Row["refusal"]));

    /// <summary>Why the object cannot be decoded; empty when it can.</summary>
    public string Undecodable => Text(Row["undecodable"]);

    /// <summary>The expected warnings; null when the row has none.</summary>
    public IEnumerable<string>? Warnings => (Row["warnings"] as JsonArray)?.Select(w => Expand(Text(w)));

    /// <summary>The object with its defaults; null when the row is not about them.</summary>
    public JsonObject? Defaulted =>
        Row["gives"] is JsonObject gives ? MergePatch.Apply((JsonObject)Object.DeepClone(), (JsonObject)gives.DeepClone()) : null;

    /// <summary>The document without the creator and last modifier, unless the row is about the user.</summary>
    public JsonObject WithoutStamp(JsonObject value)
    {
        if (Row["user"] is null && value["metadata"]?["annotations"] is JsonObject annotations)
        {
            annotations.Remove("serving.knative.dev/creator");
            annotations.Remove("serving.knative.dev/lastModifier");
            if (annotations.Count == 0)
            {
                value["metadata"]!.AsObject().Remove("annotations");
            }
        }

        return value;
    }

    /// <summary>The request of the review.</summary>
    public string Request(JsonObject value) =>
        new JsonObject
        {
            ["uid"] = "u",
            ["kind"] = new JsonObject
            {
                ["group"] = Group,
                ["version"] = Version,
                ["kind"] = Kind,
            },
            ["operation"] = Old is null ? "CREATE" : "UPDATE",
            ["subResource"] = Text(Row["subresource"]),
            ["userInfo"] = new JsonObject { ["username"] = Row["user"] is null ? "ann" : Text(Row["user"]) },
            ["object"] = value.DeepClone(),
            ["oldObject"] = Old?.DeepClone(),
        }.ToJsonString();

    public override string ToString() => $"{Table}: {Name}";

    private static IEnumerable<AdmissionCase> Read(string file)
    {
        var table = System.IO.Path.GetFileNameWithoutExtension(file);
        var document = YamlDocuments.Read(File.ReadAllText(file)).Single().AsObject();
        var kind = Text(document["kind"]);
        var resource = CustomKinds.All.SingleOrDefault(k => k.Resource.Kind == kind)?.Resource;
        var start = (JsonObject)document["base"]!;
        foreach (var row in document["cases"]!.AsArray().Cast<JsonObject>())
        {
            var (value, path) = Apply(start, row, kind);
            var old = row["old"] is JsonObject change
                ? MergePatch.Apply((JsonObject)start.DeepClone(), (JsonObject)change.DeepClone())
                : null;
            yield return new(table, Text(row["name"]), row, value, old, resource?.Group ?? "", resource?.Version ?? "v1", kind, path);
        }
    }

    // The object of a row, and the path of its container.
    private static (JsonObject Value, string Path) Apply(JsonObject start, JsonObject row, string kind)
    {
        var value = MergePatch.Apply(
            (JsonObject)start.DeepClone(),
            row["with"] as JsonObject is { } change ? (JsonObject)change.DeepClone() : []
        );
        if (row["annotations"] is JsonObject annotations)
        {
            ((JsonObject)(kind is "Service" or "Configuration" ? value["spec"]!["template"]!["metadata"] : value["metadata"])!)[
                "annotations"
            ] = new JsonObject(annotations.Select(a => KeyValuePair.Create(Expanded(a.Key), (JsonNode?)JsonValue.Create(Text(a.Value)))));
        }

        var pod = (kind is "Service" or "Configuration" ? value["spec"]?["template"]?["spec"] : value["spec"]) as JsonObject;
        if (row["pod"] is JsonObject whole)
        {
            MergePatch.Apply(pod!, (JsonObject)whole.DeepClone());
        }

        if (row["container"] is JsonObject only)
        {
            pod!["containers"] = new JsonArray(only.DeepClone());
        }

        if (row["beside"] is JsonObject beside)
        {
            pod!["containers"] = new JsonArray(
                JsonNode.Parse("""{"name":"main","image":"app","ports":[{"containerPort":8888}]}"""),
                beside.DeepClone()
            );
            return (value, "containers[1]");
        }

        if (row["init"] is JsonObject init)
        {
            // The reference names init containers by the same path as the others.
            pod!["containers"] = new JsonArray(JsonNode.Parse("""{"name":"main","image":"app"}"""));
            pod["initContainers"] = new JsonArray(init.DeepClone());
        }

        if (row["volume"] is JsonObject volume)
        {
            var mount = JsonNode.Parse("""{"mountPath":"/data","readOnly":true}""")!;
            mount["name"] = Text(volume["name"]);
            var container = JsonNode.Parse(Busybox)!;
            container["volumeMounts"] = new JsonArray(mount);
            pod!["containers"] = new JsonArray(container);
            pod["volumes"] = new JsonArray(volume.DeepClone());
        }

        return (value, "containers[0]");
    }

    private string Expand(string text)
    {
        var pod = Kind is "Service" or "Configuration" ? "spec.template.spec" : "spec";
        return Expanded(text.Replace("#", $"{pod}.{Path}", StringComparison.Ordinal).Replace("~", pod, StringComparison.Ordinal));
    }

    private static string Expanded(string text) =>
        Words.Aggregate(text, (all, word) => all.Replace(word.Key, word.Value, StringComparison.Ordinal));

    private static string Text(JsonNode? node) =>
        node switch
        {
            null => "",
            JsonValue value when value.TryGetValue<string>(out var text) => text,
            _ => node.ToJsonString(),
        };
}
