using Serving.Api.Config;
using Serving.Api.Core;

namespace Serving.Api.Validation;

/// <summary>Validates the pod part of a Revision: its allowed fields, containers and volumes.</summary>
internal static class PodSpecValidation
{
    private const string DefaultPortName = "http";
    private const int DefaultPort = 8080;

    private static readonly string[] AlwaysOpen =
    [
        "serviceAccountName",
        "containers",
        "volumes",
        "imagePullSecrets",
        "enableServiceLinks",
        "containerConcurrency",
        "timeoutSeconds",
        "responseStartTimeoutSeconds",
        "idleTimeoutSeconds",
    ];

    /// <summary>Validates the specification; paths are relative to it.</summary>
    public static FieldError Check(PodSpec spec, ConfigSnapshot config)
    {
        var features = config.Features;
        var errors =
            FieldMask.Check(spec, OpenFields(spec, features))
            + SecurityValidation.Pod(spec.SecurityContext, features).Via("securityContext");
        errors += Warnings(spec.Containers, "containers") + Warnings(spec.InitContainers, "initContainers");

        var mounted = spec
            .InitContainers.Concat(spec.Containers)
            .SelectMany(c => c.VolumeMounts)
            .Select(m => m.Name)
            .ToHashSet(StringComparer.Ordinal);
        errors += VolumeValidation.Check(spec.Volumes, mounted, features).Via("volumes");
        var volumes = spec
            .Volumes.GroupBy(v => v.Name, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.Last(), StringComparer.Ordinal);

        errors += InitContainers(spec, volumes, features);
        var (port, portErrors) = ServingPort(spec.Containers);
        errors += portErrors.Via("containers[*]");
        errors += spec.Containers.Count switch
        {
            0 => FieldError.Missing("containers"),
            1 => ContainerValidation.User(spec.Containers[0], port, new(ContainerRole.Only, volumes, features)).ViaIndex("containers", 0),
            _ => Several(spec.Containers, port, volumes, features),
        };
        return spec.ServiceAccountName.Length == 0
            ? errors
            : Names
                .Dns1123Subdomain(spec.ServiceAccountName)
                .Aggregate(errors, (all, message) => all + FieldError.Invalid(spec.ServiceAccountName, "serviceAccountName", message));

        FieldError Warnings(IReadOnlyList<Container> containers, string field) =>
            Each(
                containers,
                c => SecurityValidation.InsecureDefaults(spec.SecurityContext, c.SecurityContext, features).Via("securityContext"),
                field
            );
    }

    /// <summary>Combines the findings of all entries of a list, with their indices.</summary>
    internal static FieldError Each<T>(IReadOnlyList<T> list, Func<T, FieldError> check, string field)
    {
        var errors = FieldError.None;
        for (var i = 0; i < list.Count; i++)
        {
            errors += check(list[i]).ViaIndex(field, i);
        }

        return errors;
    }

    private static IEnumerable<string> OpenFields(PodSpec spec, FeaturesConfig features)
    {
        (FeatureFlag Flag, string Field)[] flagged =
        [
            (features.PodSpecAffinity, "affinity"),
            (features.PodSpecTopologySpreadConstraints, "topologySpreadConstraints"),
            (features.PodSpecHostAliases, "hostAliases"),
            (features.PodSpecNodeSelector, "nodeSelector"),
            (features.PodSpecRuntimeClassName, "runtimeClassName"),
            (features.PodSpecTolerations, "tolerations"),
            (features.PodSpecSecurityContext, "securityContext"),
            (features.PodSpecShareProcessNamespace, "shareProcessNamespace"),
            (features.PodSpecPriorityClassName, "priorityClassName"),
            (features.PodSpecSchedulerName, "schedulerName"),
            (features.PodSpecInitContainers, "initContainers"),
            (features.PodSpecDNSPolicy, "dnsPolicy"),
            (features.PodSpecDNSConfig, "dnsConfig"),
            (features.PodSpecHostIPC, "hostIPC"),
            (features.PodSpecHostPID, "hostPID"),
            (features.PodSpecHostNetwork, "hostNetwork"),
        ];
        IEnumerable<string> open = AlwaysOpen.Concat(flagged.Where(f => f.Flag != FeatureFlag.Disabled).Select(f => f.Field));

        // The token can only be disabled, not requested; opting out of secure defaults needs the pod's security context.
        open = spec.AutomountServiceAccountToken == false ? open.Append("automountServiceAccountToken") : open;
        return features.SecurePodDefaults != SecurePodDefaults.Disabled ? open.Append("securityContext") : open;
    }

    private static FieldError InitContainers(PodSpec spec, IReadOnlyDictionary<string, Volume> volumes, FeaturesConfig features)
    {
        var containers = spec.InitContainers;
        if (containers.Count == 0)
        {
            return FieldError.None;
        }

        if (features.PodSpecInitContainers != FeatureFlag.Enabled)
        {
            return FieldError.Generic($"pod spec support for init-containers is off, but found {containers.Count} init containers");
        }

        var others = spec.Containers.Select(c => c.Name).ToHashSet(StringComparer.Ordinal);
        return EachNamed(
            containers,
            c => others.Contains(c.Name),
            c => ContainerValidation.Init(c, new(ContainerRole.Init, volumes, features))
        );
    }

    private static FieldError Several(
        IReadOnlyList<Container> containers,
        ContainerPort port,
        IReadOnlyDictionary<string, Volume> volumes,
        FeaturesConfig features
    )
    {
        if (features.MultiContainer != FeatureFlag.Enabled)
        {
            return FieldError.Generic($"multi-container is off, but found {containers.Count} containers");
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        return EachNamed(
            containers,
            c => !seen.Add(c.Name),
            c =>
                c.Ports.Count == 0
                    ? ContainerValidation.Sidecar(c, new(ContainerRole.Sidecar, volumes, features))
                    : ContainerValidation.User(c, port, new(ContainerRole.User, volumes, features))
        );
    }

    /// <summary>Maximum number of times that previous errors are prefixed, as in the reference's texts.</summary>
    internal const int MostPrefixes = 20;

    // The path of a duplicate name is added to all previous errors: clients match on the text as it is.
    private static FieldError EachNamed(
        IReadOnlyList<Container> containers,
        Func<Container, bool> isTaken,
        Func<Container, FieldError> check
    )
    {
        var errors = FieldError.None;
        var taken = 0;
        for (var i = 0; i < containers.Count; i++)
        {
            if (isTaken(containers[i]))
            {
                // Each prefix lengthens every previous path; further errors are reported once these are fixed.
                if (++taken > MostPrefixes)
                    break;
                errors = (errors + FieldError.Generic($"duplicate container name {GoText.Quote(containers[i].Name)}", "name")).ViaIndex(
                    "containers",
                    i
                );
            }

            errors += check(containers[i]).ViaIndex("containers", i);
        }

        return errors;
    }

    // The serving port, with the defaults that probes use, and whether there is exactly one.
    private static (ContainerPort Port, FieldError Errors) ServingPort(IReadOnlyList<Container> containers)
    {
        var count = containers.Sum(c => c.Ports.Count);
        var port = containers.LastOrDefault(c => c.Ports.Count > 0)?.Ports[0] ?? new();
        port = port with
        {
            Name = port.Name.Length == 0 ? DefaultPortName : port.Name,
            Number = port.Number == 0 ? DefaultPort : port.Number,
        };
        return count == 0 && containers.Count > 1 ? (port, FieldError.Missing("ports"))
            : count > 1
                ? (
                    port,
                    FieldError.WithDetails(
                        "more than one container port is set",
                        "Only a single port is allowed across all containers",
                        "ports"
                    )
                )
            : (port, FieldError.None);
    }
}
