using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;

namespace Serving.Api.Schema;

/// <summary>The fields of each record in the schemas, with their descriptions; the types come from the records.</summary>
internal static partial class FieldRules
{
    private static readonly Dictionary<Type, Dictionary<string, FieldRule>> Tables = new[]
    {
        Pods(),
        Probes(),
        Volumes(),
        Knative(),
        Internal(),
    }
        .SelectMany(t => t)
        .ToDictionary(t => t.Key, t => t.Value);

    private static readonly Dictionary<Type, FieldRule> Entries = new()
    {
        [typeof(Container)] = "A program that runs in the pod.",
        [typeof(EnvVar)] = "An environment variable.",
        [typeof(EnvFromSource)] = "A ConfigMap or Secret whose keys become environment variables.",
        [typeof(ContainerPort)] = "A port that the container listens on.",
        [typeof(Volume)] = "A directory that the containers of the pod can mount.",
        [typeof(VolumeMount)] = "A mount of a volume in the container.",
        [typeof(HttpHeader)] = "A header of the probe's request.",
        [typeof(KeyToPath)] = "Maps a key to a path in the volume.",
        [typeof(LocalObjectReference)] = new FieldRule("The name of an object in the same namespace.") { IsAtomic = true },
        [typeof(VolumeProjection)] = "One source of files. Only one of its fields may be set.",
        [typeof(DownwardApiVolumeFile)] = "A file with a field of the pod or a resource of a container in it.",
        [typeof(Condition)] = "One aspect of the object's state.",
        [typeof(TrafficTarget)] = "A traffic target.",
        [typeof(ContainerDigest)] = "The digest that a container's image resolved to.",
        [typeof(IngressTls)] = "A certificate and its hosts.",
        [typeof(IngressRule)] = "The backends of a list of hosts, and their visibility.",
        [typeof(HttpIngressPath)] = "A match by path and headers, and the backends that share its requests.",
        [typeof(HeaderMatch)] = "The value that the header must have.",
        [typeof(IngressBackendSplit)] = "A backend and its share of the requests.",
        [typeof(IngressLoadBalancerAddress)] = "An address at which the hosts are served.",
        [typeof(Http01Challenge)] = "A URL requested by the certificate's issuer, and the Service that responds.",
    };

    /// <summary>The fields of <paramref name="record"/>, by wire name.</summary>
    public static IReadOnlyDictionary<string, FieldRule> For(Type record) =>
        Tables.TryGetValue(record, out var rules) ? rules : throw new InvalidOperationException($"no field rules for {record.Name}");

    /// <summary>The schema of an entry of a list or map of <paramref name="record"/>, or null.</summary>
    public static FieldRule? EntryOf(Type record) => Entries.GetValueOrDefault(record);

    private static Dictionary<string, FieldRule> Kind(FieldRule spec, FieldRule? status = null)
    {
        var rules = new Dictionary<string, FieldRule>
        {
            ["apiVersion"] =
                "The version of the schema that this object is written in. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
            ["kind"] =
                "The kind of this object. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
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
            ["annotations"] = "Additional status information.",
            ["conditions"] = "The latest observations of the object's state; Ready summarizes them.",
            ["observedGeneration"] = "The metadata.generation that this status reflects.",
        };
        foreach (var (name, rule) in own)
        {
            rules[name] = rule;
        }

        return rules;
    }
}
