using System.Globalization;
using Serving.Api.Config;
using Serving.Api.Core;

namespace Serving.Api.Defaults;

/// <summary>Defaults of a Revision's containers.</summary>
internal static class ContainerDefaults
{
    private const int LowestUnprivilegedPort = 1024;

    /// <summary>Names unnamed containers; a suffix makes the names unique.</summary>
    public static IReadOnlyList<Container> Name(IReadOnlyList<Container> containers, IReadOnlySet<string> taken, string name)
    {
        if (containers.All(c => c.Name.Length > 0))
        {
            return containers;
        }

        var next = 0;
        return [.. containers.Select(c => c.Name.Length > 0 ? c : c with { Name = Free() })];

        string Free()
        {
            if (containers.Count == 1 && !taken.Contains(name))
            {
                return name;
            }

            string candidate;
            do
            {
                candidate = ChildName.Of(name, string.Create(CultureInfo.InvariantCulture, $"-{next++}"));
            } while (taken.Contains(candidate));
            return candidate;
        }
    }

    /// <summary>Applies defaults of resources, probes and mounts; not for init containers.</summary>
    public static Container Complete(Container container, PodSpec pod, DefaultsConfig defaults) =>
        container with
        {
            Resources = Resources(container.Resources, defaults),
            ReadinessProbe = Readiness(container, pod),
            LivenessProbe = Explicit(container.LivenessProbe),
            StartupProbe = Explicit(container.StartupProbe),
            VolumeMounts = Mounts(container.VolumeMounts, pod.Volumes),
        };

    /// <summary>Applies the restricted pod security profile, unless container or pod set something else.</summary>
    public static Container Secure(Container container, PodSpec pod, SecurePodDefaults level)
    {
        if (level == SecurePodDefaults.Disabled)
        {
            return container;
        }

        var own = container.SecurityContext ?? new();
        return container with
        {
            SecurityContext = own with
            {
                AllowPrivilegeEscalation = own.AllowPrivilegeEscalation ?? false,
                SeccompProfile =
                    PodSecurity.SeccompType(pod.SecurityContext).Length > 0 ? own.SeccompProfile
                    : own.SeccompProfile is { Type.Length: > 0 } profile ? profile
                    : (own.SeccompProfile ?? new()) with { Type = "RuntimeDefault" },
                Capabilities =
                    own.Capabilities
                    ?? new()
                    {
                        Drop = ["ALL"],
                        Add = container.Ports.Any(p => p.Number < LowestUnprivilegedPort) ? ["NET_BIND_SERVICE"] : [],
                    },
                RunAsNonRoot =
                    level == SecurePodDefaults.Enabled && PodSecurity.RunAsNonRoot(pod.SecurityContext) is null
                        ? own.RunAsNonRoot ?? true
                        : own.RunAsNonRoot,
            },
        };
    }

    private static ResourceRequirements Resources(ResourceRequirements? resources, DefaultsConfig defaults)
    {
        var requests = Fill(
            resources?.Requests,
            defaults.RevisionCpuRequest,
            defaults.RevisionMemoryRequest,
            defaults.RevisionEphemeralStorageRequest
        );
        var limits = Fill(
            resources?.Limits,
            defaults.RevisionCpuLimit,
            defaults.RevisionMemoryLimit,
            defaults.RevisionEphemeralStorageLimit
        );
        return requests == resources?.Requests && limits == resources?.Limits
            ? resources ?? new()
            : (resources ?? new()) with
            {
                Requests = requests,
                Limits = limits,
            };
    }

    private static IReadOnlyDictionary<string, Quantity>? Fill(
        IReadOnlyDictionary<string, Quantity>? given,
        Quantity? cpu,
        Quantity? memory,
        Quantity? ephemeralStorage
    )
    {
        (string Name, Quantity? Value)[] defaults = [("cpu", cpu), ("memory", memory), ("ephemeral-storage", ephemeralStorage)];
        if (!defaults.Any(d => d.Value is not null && given?.ContainsKey(d.Name) != true))
        {
            return given;
        }

        var filled = new Dictionary<string, Quantity>(given ?? new Dictionary<string, Quantity>());
        foreach (var (name, value) in defaults)
        {
            if (value is { } quantity)
            {
                filled.TryAdd(name, quantity.ToCanonical());
            }
        }

        return filled;
    }

    // Only the serving container gets a default probe: the only container, or the one with a port.
    private static Probe? Readiness(Container container, PodSpec pod)
    {
        var probe = container.ReadinessProbe;
        if (pod.Containers.Count == 1 || container.Ports.Count > 0)
        {
            probe ??= new();
            if (probe is { TcpSocket: null, HttpGet: null, Exec: null, Grpc: null })
            {
                probe = probe with { TcpSocket = new() { Port = 0 } };
            }
        }

        if (probe is null)
        {
            return null;
        }

        if (probe.SuccessThreshold is null or 0)
        {
            probe = probe with { SuccessThreshold = 1 };
        }

        if (probe.PeriodSeconds is not (null or 0))
        {
            probe = probe with
            {
                FailureThreshold = probe.FailureThreshold is null or 0 ? 3 : probe.FailureThreshold,
                TimeoutSeconds = probe.TimeoutSeconds is null or 0 ? 1 : probe.TimeoutSeconds,
            };
        }

        return Explicit(probe);
    }

    // Omitted fields of a handler are written as clients of the reference expect them: port 0 is the container's own, and the empty service
    // is the whole server.
    private static Probe? Explicit(Probe? probe)
    {
        if (probe is null)
        {
            return null;
        }

        return probe with
        {
            HttpGet = probe.HttpGet is { Port: null } http ? http with { Port = 0 } : probe.HttpGet,
            TcpSocket = probe.TcpSocket is { Port: null } tcp ? tcp with { Port = 0 } : probe.TcpSocket,
            Grpc = probe.Grpc is { Service: null } grpc ? grpc with { Service = "" } : probe.Grpc,
        };
    }

    private static IReadOnlyList<VolumeMount> Mounts(IReadOnlyList<VolumeMount> mounts, IReadOnlyList<Volume> volumes)
    {
        if (mounts.Count == 0)
        {
            return mounts;
        }

        var writable = volumes
            .Where(v => v.EmptyDir is not null || v.PersistentVolumeClaim is not null || v.Ephemeral is not null)
            .Select(v => v.Name)
            .ToHashSet(StringComparer.Ordinal);
        return [.. mounts.Select(m => writable.Contains(m.Name) || m.ReadOnly == true ? m : m with { ReadOnly = true })];
    }
}
