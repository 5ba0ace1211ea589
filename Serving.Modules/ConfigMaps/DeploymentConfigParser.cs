using Serving.Api.Config;

namespace Serving.ConfigMaps;

/// <summary>Reads config-deployment.</summary>
public static class DeploymentConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-deployment";

    /// <summary>Reads and checks the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static DeploymentConfig Parse(IReadOnlyDictionary<string, string> data)
    {
        var from = new ConfigData(Name, data);
        var d = DeploymentConfig.Default;
        var config = new DeploymentConfig
        {
            QueueSidecarImage = from.String("queue-sidecar-image", from.String("queueSidecarImage", "")),
            ProgressDeadline = from.Duration("progress-deadline", from.Duration("progressDeadline", d.ProgressDeadline)),
            DigestResolutionTimeout = from.Duration("digest-resolution-timeout", from.Duration("digestResolutionTimeout", d.DigestResolutionTimeout)),
            RegistriesSkippingTagResolving = from.Set(
                "registries-skipping-tag-resolving", from.Set("registriesSkippingTagResolving", d.RegistriesSkippingTagResolving)),
            QueueSidecarCpuRequest = from.Quantity("queue-sidecar-cpu-request", from.Quantity("queueSidecarCPURequest", d.QueueSidecarCpuRequest)),
            QueueSidecarMemoryRequest = from.Quantity("queue-sidecar-memory-request", from.Quantity("queueSidecarMemoryRequest", null)),
            QueueSidecarEphemeralStorageRequest = from.Quantity(
                "queue-sidecar-ephemeral-storage-request", from.Quantity("queueSidecarEphemeralStorageRequest", null)),
            QueueSidecarCpuLimit = from.Quantity("queue-sidecar-cpu-limit", from.Quantity("queueSidecarCPULimit", null)),
            QueueSidecarMemoryLimit = from.Quantity("queue-sidecar-memory-limit", from.Quantity("queueSidecarMemoryLimit", null)),
            QueueSidecarEphemeralStorageLimit = from.Quantity(
                "queue-sidecar-ephemeral-storage-limit", from.Quantity("queueSidecarEphemeralStorageLimit", null)),
            QueueSidecarTokenAudiences = from.Set("queue-sidecar-token-audiences", d.QueueSidecarTokenAudiences)
                .Where(audience => audience.Length > 0).ToHashSet(StringComparer.Ordinal),
            QueueSidecarRootCa = from.String("queue-sidecar-rootca", ""),
            QueueSidecarTlsMinVersion = from.String("queue-sidecar-tls-min-version", ""),
            QueueSidecarTlsMaxVersion = from.String("queue-sidecar-tls-max-version", ""),
            QueueSidecarTlsCipherSuites = from.String("queue-sidecar-tls-cipher-suites", ""),
            QueueSidecarTlsCurvePreferences = from.String("queue-sidecar-tls-curve-preferences", ""),
            PodIsAlwaysSchedulable = from.Bool("pod-is-always-schedulable", d.PodIsAlwaysSchedulable),
            DefaultAffinityType = Affinity(from),
            RuntimeClassNames = RuntimeClasses(from),
        };
        from.Require(config.QueueSidecarImage.Length > 0, "queue-sidecar-image", "queue-sidecar-image cannot be empty or unset");
        from.Require(config.ProgressDeadline > TimeSpan.Zero, "progress-deadline",
            $"progress-deadline cannot be a non-positive duration, was {GoValues.Format(config.ProgressDeadline)}");
        from.Require(config.ProgressDeadline.Ticks % TimeSpan.TicksPerSecond == 0, "progress-deadline",
            $"progress-deadline must be rounded to a whole second, was: {GoValues.Format(config.ProgressDeadline)}");
        from.Require(config.DigestResolutionTimeout > TimeSpan.Zero, "digest-resolution-timeout",
            $"digest-resolution-timeout cannot be a non-positive duration, was {GoValues.Format(config.DigestResolutionTimeout)}");
        SidecarTls.Check(from, config);
        return config;
    }

    private static DefaultAffinityType Affinity(ConfigData from) => from.Raw.GetValueOrDefault("default-affinity-type") switch
    {
        null or "prefer-spread-revision-over-nodes" => DefaultAffinityType.PreferSpreadRevisionOverNodes,
        "none" => DefaultAffinityType.None,
        var other => throw from.Refuse("default-affinity-type", $"unsupported default-affinity-type value: {GoValues.Quote(other)}"),
    };

    private static Dictionary<string, IReadOnlyDictionary<string, string>> RuntimeClasses(ConfigData from)
    {
        const string key = "runtime-class-name";
        var classes = new Dictionary<string, IReadOnlyDictionary<string, string>>(StringComparer.Ordinal);
        try
        {
            foreach (var (name, value) in YamlText.Map(from.String(key, "")))
            {
                from.Require(LabelSyntax.IsSubdomain(name), key,
                    $"runtime-class-name {name} selector not valid DNSSubdomain: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character");
                var selector = YamlText.Strings(YamlText.Entries(value), "selector");
                foreach (var (label, text) in selector)
                {
                    from.Require(LabelSyntax.IsKey(label) && LabelSyntax.IsValue(text), key, $"runtime-class-name {name} selector invalid: {label}={text}");
                }

                classes[name] = selector;
            }
        }
        catch (FormatException wrong)
        {
            throw from.Refuse(key, $"runtime-class-name cannot be parsed, please check the format: {wrong.Message}", wrong);
        }

        return classes;
    }
}
