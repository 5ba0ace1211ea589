using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;

namespace Serving.Controller.Revisions.Resources;

/// <summary>Makes the pod of a Revision: the user's specification plus the queue-proxy.</summary>
internal static class PodSpecMaker
{
    private const string VarLog = "knative-var-log";
    private const string Tokens = "knative-token-volume";
    private const string Certificates = "server-certs";
    private const string PodInfo = "pod-info";

    public static PodSpec Make(Revision revision, ConfigSnapshot config, string systemNamespace)
    {
        var volumes = new List<Volume>(revision.Spec.Volumes);
        var queue = WithVolumes(QueueContainerMaker.Make(revision, config, systemNamespace), volumes, revision, config);
        IEnumerable<Container> users = UserContainers.Make(revision, config.Features);
        if (config.Observability.LoggingEnableVarLogCollection)
        {
            volumes.Add(new Volume { Name = VarLog, EmptyDir = new EmptyDirVolumeSource() });
            users = users.Select(WithVarLog);
        }

        var spec = PodSpec.Of(revision.Spec) with
        {
            InitContainers = [.. revision.Spec.InitContainers.Select(UserContainers.Init)],
            Containers = [.. users, queue],
            Volumes = volumes,
            TerminationGracePeriodSeconds = revision.Spec.TimeoutSeconds,
            EnableServiceLinks = revision.Spec.EnableServiceLinks ?? config.Defaults.EnableServiceLinks,
            RuntimeClassName =
                revision.Spec.RuntimeClassName.Length > 0
                    ? revision.Spec.RuntimeClassName
                    : config.Deployment.PodRuntimeClassName(revision.Metadata.Labels) ?? "",
        };
        return revision.Spec.Affinity is null && config.Deployment.DefaultAffinityType == DefaultAffinityType.PreferSpreadRevisionOverNodes
            ? spec with
            {
                Affinity = SpreadOverNodes(revision.Metadata.Name),
            }
            : spec;
    }

    private static Container WithVolumes(Container queue, List<Volume> volumes, Revision revision, ConfigSnapshot config)
    {
        var mounts = new List<VolumeMount>();
        if (MountsPodInfo(revision, config.Features))
        {
            mounts.Add(
                new VolumeMount
                {
                    Name = PodInfo,
                    MountPath = "/etc/podinfo",
                    ReadOnly = true,
                }
            );
            volumes.Add(
                new Volume
                {
                    Name = PodInfo,
                    DownwardAPI = new DownwardApiVolumeSource
                    {
                        Items =
                        [
                            new DownwardApiVolumeFile
                            {
                                Path = "annotations",
                                FieldRef = new ObjectFieldSelector { FieldPath = "metadata.annotations" },
                            },
                        ],
                    },
                }
            );
        }

        var audiences = config
            .Deployment.QueueSidecarTokenAudiences.Where(audience => audience.Length > 0)
            .Order(StringComparer.Ordinal)
            .ToList();
        if (audiences.Count > 0)
        {
            mounts.Add(new VolumeMount { Name = Tokens, MountPath = "/var/run/secrets/tokens" });
            volumes.Add(
                new Volume
                {
                    Name = Tokens,
                    Projected = new ProjectedVolumeSource { Sources = [.. audiences.Select(Token)] },
                }
            );
        }

        if (config.Network.SystemInternalTls)
        {
            mounts.Add(
                new VolumeMount
                {
                    Name = Certificates,
                    MountPath = "/var/lib/knative/certs",
                    ReadOnly = true,
                }
            );
            volumes.Add(
                new Volume
                {
                    Name = Certificates,
                    Secret = new SecretVolumeSource { SecretName = QueueProxyCertificates.Name },
                }
            );
        }

        return queue with
        {
            VolumeMounts = mounts,
        };
    }

    private static VolumeProjection Token(string audience) =>
        new()
        {
            ServiceAccountToken = new ServiceAccountTokenProjection
            {
                Audience = audience,
                Path = audience,
                ExpirationSeconds = 3600,
            },
        };

    private static bool MountsPodInfo(Revision revision, FeaturesConfig features) =>
        features.QueueProxyMountPodInfo switch
        {
            FeatureFlag.Enabled => true,
            FeatureFlag.Allowed => revision
                .Metadata.Annotations.Get(ServingKeys.QueueProxyPodInfo)
                .Equals("enabled", StringComparison.OrdinalIgnoreCase),
            _ => false,
        };

    private static Container WithVarLog(Container container) =>
        container with
        {
            VolumeMounts =
            [
                .. container.VolumeMounts,
                new VolumeMount
                {
                    Name = VarLog,
                    MountPath = "/var/log",
                    SubPathExpr = $"$(K_INTERNAL_POD_NAMESPACE)_$(K_INTERNAL_POD_NAME)_{container.Name}",
                },
            ],
            Env =
            [
                .. container.Env,
                new EnvVar
                {
                    Name = "K_INTERNAL_POD_NAME",
                    ValueFrom = new EnvVarSource { FieldRef = new ObjectFieldSelector { FieldPath = "metadata.name" } },
                },
                new EnvVar
                {
                    Name = "K_INTERNAL_POD_NAMESPACE",
                    ValueFrom = new EnvVarSource { FieldRef = new ObjectFieldSelector { FieldPath = "metadata.namespace" } },
                },
            ],
        };

    private static JsonElement SpreadOverNodes(string revision)
    {
        var term = new JsonObject
        {
            ["topologyKey"] = "kubernetes.io/hostname",
            ["labelSelector"] = new JsonObject { ["matchLabels"] = new JsonObject { [ServingKeys.Revision] = revision } },
        };
        var preferred = new JsonArray
        {
            new JsonObject { ["weight"] = 100, ["podAffinityTerm"] = term },
        };
        var affinity = new JsonObject
        {
            ["podAntiAffinity"] = new JsonObject { ["preferredDuringSchedulingIgnoredDuringExecution"] = preferred },
        };
        using var document = JsonDocument.Parse(affinity.ToJsonString());
        return document.RootElement.Clone();
    }
}
