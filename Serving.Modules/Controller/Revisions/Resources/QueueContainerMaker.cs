using System.Globalization;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Controller.Revisions.Resources;

/// <summary>Makes the queue-proxy container of a Revision's pods.</summary>
internal static class QueueContainerMaker
{
    public static Container Make(Revision revision, ConfigSnapshot config, string systemNamespace)
    {
        var servingPort =
            revision.Spec.Protocol() == NetworkingKeys.ProtocolH2C ? NetworkingKeys.QueueHttp2Port : NetworkingKeys.QueueHttpPort;
        return new Container
        {
            Name = ContainerNames.QueueProxy,
            Image = config.Deployment.QueueSidecarImage,
            Resources = QueueResources.Make(
                config.Deployment,
                revision.Metadata.Annotations,
                revision.Spec.ServingContainer().Resources,
                config.Features.QueueProxyResourceDefaults == FeatureFlag.Enabled
            ),
            Ports = [.. Ports(config.Observability, servingPort)],
            ReadinessProbe = ReadinessProbes.OfSidecar(revision, servingPort),
            SecurityContext = new SecurityContext
            {
                AllowPrivilegeEscalation = false,
                ReadOnlyRootFilesystem = true,
                RunAsNonRoot = true,
                Capabilities = new Capabilities { Drop = ["ALL"] },
                SeccompProfile = new SeccompProfile { Type = "RuntimeDefault" },
            },
            Env = Environment(revision, config, systemNamespace, servingPort),
        };
    }

    private static IEnumerable<ContainerPort> Ports(ObservabilityConfig observability, int servingPort)
    {
        yield return new ContainerPort { Name = "http-autometric", Number = NetworkingKeys.AutoscalingMetricsPort };
        yield return new ContainerPort { Name = "http-usermetric", Number = NetworkingKeys.UserMetricsPort };
        if (observability.RuntimeProfiling)
        {
            yield return new ContainerPort { Name = "profiling-port", Number = NetworkingKeys.ProfilingPort };
        }

        yield return new ContainerPort { Name = "queue-port", Number = servingPort };
        yield return new ContainerPort { Name = "https-port", Number = NetworkingKeys.QueueHttpsPort };
    }

    private static IReadOnlyList<EnvVar> Environment(Revision revision, ConfigSnapshot config, string systemNamespace, int servingPort)
    {
        var spec = revision.Spec;
        var deployment = config.Deployment;
        var owner = Ownership.ControllerOf(revision);
        var fullDuplex = revision
            .Metadata.Annotations.Get(ServingKeys.AllowHttpFullDuplex)
            .Equals("enabled", StringComparison.OrdinalIgnoreCase);
        return
        [
            Text("SERVING_NAMESPACE", revision.Metadata.Namespace),
            Text("SERVING_SERVICE", revision.Metadata.Labels.Get(ServingKeys.Service)),
            Text("SERVING_CONFIGURATION", owner is { Kind: "Configuration" } ? owner.Name : ""),
            Text("SERVING_REVISION", revision.Metadata.Name),
            Number("QUEUE_SERVING_PORT", servingPort),
            Number("QUEUE_SERVING_TLS_PORT", NetworkingKeys.QueueHttpsPort),
            Number("CONTAINER_CONCURRENCY", spec.ContainerConcurrency ?? 0),
            Number("REVISION_TIMEOUT_SECONDS", spec.TimeoutSeconds ?? 0),
            Number("REVISION_RESPONSE_START_TIMEOUT_SECONDS", spec.ResponseStartTimeoutSeconds ?? 0),
            Number("REVISION_IDLE_TIMEOUT_SECONDS", spec.IdleTimeoutSeconds ?? 0),
            Field("SERVING_POD", "metadata.name"),
            Field("SERVING_POD_IP", "status.podIP"),
            Text("SERVING_LOGGING_CONFIG", config.Logging.ZapLoggerConfig),
            Text("SERVING_LOGGING_LEVEL", config.Logging.LogLevels.Get("queueproxy")),
            Number("USER_PORT", spec.UserPort()),
            Text("SYSTEM_NAMESPACE", systemNamespace),
            Text("SERVING_READINESS_PROBE", ReadinessProbes.Encode(revision, config.Features)),
            Field("HOST_IP", "status.hostIP", "v1"),
            Flag("ENABLE_HTTP2_AUTO_DETECTION", config.Features.AutoDetectHTTP2 == FeatureFlag.Enabled),
            Flag("ENABLE_HTTP_FULL_DUPLEX", fullDuplex),
            Text("ROOT_CA", deployment.QueueSidecarRootCa),
            Text("QUEUE_PROXY_TLS_MIN_VERSION", deployment.QueueSidecarTlsMinVersion),
            Text("QUEUE_PROXY_TLS_MAX_VERSION", deployment.QueueSidecarTlsMaxVersion),
            Text("QUEUE_PROXY_TLS_CIPHER_SUITES", deployment.QueueSidecarTlsCipherSuites),
            Text("QUEUE_PROXY_TLS_CURVE_PREFERENCES", deployment.QueueSidecarTlsCurvePreferences),
            Flag("ENABLE_MULTI_CONTAINER_PROBES", config.Features.MultiContainerProbing == FeatureFlag.Enabled),
            Text("OBSERVABILITY_CONFIG", QueueObservability.Encode(config.Observability)),
            // Only where it is set: another variable would replace the pods of all revisions.
            .. EphemeralPods.MaxRequests(revision.Metadata.Annotations) is { } most
                ? [Number("QUEUE_MAX_REQUESTS", most)]
                : Array.Empty<EnvVar>(),
        ];
    }

    private static EnvVar Text(string name, string value) => new() { Name = name, Value = value };

    /// <summary>A number for the sidecar: one above its range means a limit that is never reached, and one below 0 means no
    /// limit.</summary>
    private static EnvVar Number(string name, long value) =>
        Text(name, Math.Clamp(value, 0, int.MaxValue).ToString(CultureInfo.InvariantCulture));

    private static EnvVar Flag(string name, bool value) => Text(name, value ? "true" : "false");

    private static EnvVar Field(string name, string path, string apiVersion = "") =>
        new()
        {
            Name = name,
            ValueFrom = new EnvVarSource
            {
                FieldRef = new ObjectFieldSelector { ApiVersion = apiVersion, FieldPath = path },
            },
        };
}
