using Serving.Api.Core;

namespace Serving.Api.Schema;

/// <summary>The fields of each record that are in the schemas, with their descriptions; the types come from the records.</summary>
internal static partial class FieldRules
{
    private static readonly Dictionary<Type, Dictionary<string, FieldRule>> Tables =
        new[] { Pods(), Probes(), Volumes(), Knative(), Internal() }.SelectMany(t => t).ToDictionary(t => t.Key, t => t.Value);

    private static readonly Dictionary<Type, string> ItemTexts = new()
    {
        [typeof(Container)] = "A program that runs in the pod.",
        [typeof(EnvVar)] = "An environment variable.",
        [typeof(EnvFromSource)] = "A ConfigMap or Secret whose keys become environment variables.",
        [typeof(ContainerPort)] = "A port that the container listens on.",
        [typeof(Volume)] = "A directory that the containers of the pod can mount.",
        [typeof(VolumeMount)] = "Where a volume appears in the container.",
        [typeof(HttpHeader)] = "A header of the probe's request.",
        [typeof(KeyToPath)] = "Maps a key to a path in the volume.",
        [typeof(LocalObjectReference)] = "The name of an object in the same namespace.",
        [typeof(Condition)] = "One aspect of the object's state.",
        [typeof(Serving.Api.Knative.TrafficTarget)] = "One share of the traffic.",
        [typeof(Serving.Api.Knative.ContainerDigest)] = "The digest that a container's image resolved to.",
    };

    /// <summary>The fields of <paramref name="record"/>, by their wire names.</summary>
    public static IReadOnlyDictionary<string, FieldRule> For(Type record)
        => Tables.TryGetValue(record, out var rules) ? rules : throw new InvalidOperationException($"no field rules for {record.Name}");

    /// <summary>What an entry of a list of <paramref name="record"/> is, or null.</summary>
    public static string? TextOf(Type record) => ItemTexts.GetValueOrDefault(record);

    private static Dictionary<string, FieldRule> Kind(FieldRule spec, FieldRule? status = null)
    {
        var rules = new Dictionary<string, FieldRule>
        {
            ["apiVersion"] = "The version of the schema that this object is written in. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
            ["kind"] = "The kind of this object. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
            ["metadata"] = new FieldRule("") { Shape = static () => new() { ["type"] = "object" } },
            ["spec"] = spec,
        };
        if (status is not null)
        {
            rules["status"] = status;
        }

        return rules;
    }

    private static Dictionary<string, FieldRule> Status(params (string Name, FieldRule Rule)[] own)
    {
        var rules = new Dictionary<string, FieldRule>
        {
            ["annotations"] = "Further state for people and tools to read.",
            ["conditions"] = "The latest observations of the object's state; Ready sums them up.",
            ["observedGeneration"] = "The metadata.generation that this status is about.",
        };
        foreach (var (name, rule) in own)
        {
            rules[name] = rule;
        }

        return rules;
    }
}
