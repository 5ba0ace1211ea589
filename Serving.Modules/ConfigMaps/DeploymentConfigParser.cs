using Serving.Api.Config;
using Serving.Api.Validation;

namespace Serving.ConfigMaps;

/// <summary>Parses config-deployment.</summary>
public static class DeploymentConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-deployment";

    /// <summary>Parses and validates the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static DeploymentConfig Parse(IReadOnlyDictionary<string, string> data)
    {
        var from = new ConfigData(Name, data);
        var d = DeploymentConfig.Default;
        var config = new DeploymentConfig
        {
            QueueSidecarImage = from.String("queue-sidecar-image", from.String("queueSidecarImage", "")),
            ProgressDeadline = from.Duration("progress-deadline", from.Duration("progressDeadline", d.ProgressDeadline)),
            DigestResolutionTimeout = from.Duration(
                "digest-resolution-timeout",
                from.Duration("digestResolutionTimeout", d.DigestResolutionTimeout)
            ),
            RegistriesSkippingTagResolving = from.Set(
                "registries-skipping-tag-resolving",
                from.Set("registriesSkippingTagResolving", d.RegistriesSkippingTagResolving)
            ),
            QueueSidecarCpuRequest = from.Amount(
                "queue-sidecar-cpu-request",
                from.Amount("queueSidecarCPURequest", d.QueueSidecarCpuRequest)
            ),
            QueueSidecarMemoryRequest = from.Amount("queue-sidecar-memory-request", from.Amount("queueSidecarMemoryRequest", null)),
            QueueSidecarEphemeralStorageRequest = from.Amount(
                "queue-sidecar-ephemeral-storage-request",
                from.Amount("queueSidecarEphemeralStorageRequest", null)
            ),
            QueueSidecarCpuLimit = from.Amount("queue-sidecar-cpu-limit", from.Amount("queueSidecarCPULimit", null)),
            QueueSidecarMemoryLimit = from.Amount("queue-sidecar-memory-limit", from.Amount("queueSidecarMemoryLimit", null)),
            QueueSidecarEphemeralStorageLimit = from.Amount(
                "queue-sidecar-ephemeral-storage-limit",
                from.Amount("queueSidecarEphemeralStorageLimit", null)
            ),
            QueueSidecarTokenAudiences = from.Set("queue-sidecar-token-audiences", d.QueueSidecarTokenAudiences)
                .Where(audience => audience.Length > 0)
                .ToHashSet(StringComparer.Ordinal),
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
        from.Require(
            config.ProgressDeadline > TimeSpan.Zero,
            "progress-deadline",
            $"progress-deadline cannot be a non-positive duration, was {GoValues.Format(config.ProgressDeadline)}"
        );
        from.Require(
            config.ProgressDeadline.Ticks % TimeSpan.TicksPerSecond == 0,
            "progress-deadline",
            $"progress-deadline must be rounded to a whole second, was: {GoValues.Format(config.ProgressDeadline)}"
        );
        from.Require(
            config.DigestResolutionTimeout > TimeSpan.Zero,
            "digest-resolution-timeout",
            $"digest-resolution-timeout cannot be a non-positive duration, was {GoValues.Format(config.DigestResolutionTimeout)}"
        );
        from.Require(
            ImageReference.IsValid(config.QueueSidecarImage),
            "queue-sidecar-image",
            $"queue-sidecar-image {GoValues.Quote(config.QueueSidecarImage)} is not the name of an image"
        );
        from.Require(
            config.ProgressDeadline.TotalSeconds <= int.MaxValue,
            "progress-deadline",
            $"progress-deadline ({GoValues.Format(config.ProgressDeadline)}) must be at most {int.MaxValue} seconds"
        );
        from.RequireWithin(
            "queue-sidecar-cpu-request",
            config.QueueSidecarCpuRequest,
            "queue-sidecar-cpu-limit",
            config.QueueSidecarCpuLimit
        );
        from.RequireWithin(
            "queue-sidecar-memory-request",
            config.QueueSidecarMemoryRequest,
            "queue-sidecar-memory-limit",
            config.QueueSidecarMemoryLimit
        );
        from.RequireWithin(
            "queue-sidecar-ephemeral-storage-request",
            config.QueueSidecarEphemeralStorageRequest,
            "queue-sidecar-ephemeral-storage-limit",
            config.QueueSidecarEphemeralStorageLimit
        );
        SidecarTls.Check(from, config);
        return config;
    }

    private static DefaultAffinityType Affinity(ConfigData from) =>
        from.Raw.GetValueOrDefault("default-affinity-type") switch
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
                from.Require(
                    LabelSyntax.IsSubdomain(name),
                    key,
                    $"runtime-class-name {name} selector not valid DNSSubdomain: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
                );
                var selector = YamlText.Strings(YamlText.Entries(value), "selector");
                foreach (var (label, text) in selector)
                {
                    from.Require(
                        LabelSyntax.IsKey(label) && LabelSyntax.IsValue(text),
                        key,
                        $"runtime-class-name {name} selector invalid: {label}={text}"
                    );
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
