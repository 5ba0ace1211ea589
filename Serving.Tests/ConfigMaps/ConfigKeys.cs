using Serving.Api.Config;
using Serving.Api.Core;

namespace Serving.Tests.ConfigMaps;

/// <summary>Every key of every ConfigMap, except the flags of config-features, which are all alike.</summary>
internal static class ConfigKeys
{
    private const string NotABool = "*failed to parse*strconv.ParseBool: parsing \"maybe\": invalid syntax";
    private const string NotANumber = "*failed to parse*strconv.Parse*: parsing \"x\": invalid syntax";
    private const string NotADuration = "*failed to parse*time: *";
    private const string NotAQuantity = "*quantities must match the regular expression*";

    public static IEnumerable<ConfigKey> All =>
        [
            .. Autoscaler,
            .. Defaults,
            .. Deployment,
            .. Gc,
            .. LeaderElection,
            .. Logging,
            .. Network,
            .. Observability,
            .. Reserve,
            .. CertManager,
            .. Istio,
            .. GatewayApi,
            .. Listeners("external", static c => c.External),
            .. Listeners("cluster-local", static c => c.ClusterLocal),
            new(
                "config-gateway-listeners",
                "drain-timeout",
                static c => c.GatewayListeners.DrainTimeout,
                null,
                "45s",
                Seconds(45),
                "11m",
                "drain-timeout = 11m0s, must be in [1s, 10m0s] range"
            ),
        ];

    private static ConfigKey[] Autoscaler { get; } =
    [
        A(
            "container-concurrency-target-percentage",
            c => c.ContainerConcurrencyTargetPercentage,
            70.0,
            "55",
            55.0,
            "0",
            "*is outside of valid range of (0, 100]"
        ),
        A(
            "container-concurrency-target-default",
            c => c.ContainerConcurrencyTargetDefault,
            100.0,
            "10",
            10.0,
            "0.001",
            "*can't be less than 0.01"
        ),
        A(
            "requests-per-second-target-default",
            c => c.RequestsPerSecondTargetDefault,
            200.0,
            "50",
            50.0,
            "0",
            "*must be at least 0.01, was: 0"
        ),
        A(
            "target-burst-capacity",
            c => c.TargetBurstCapacity,
            211.0,
            "-1",
            -1.0,
            "-2",
            "*must be either non-negative or -1 (for unlimited), was: -2.000000"
        ),
        A("stable-window", c => c.StableWindow, Seconds(60), "30s", Seconds(30), "5s", "stable-window = 5s, must be in [6s; 1h0m0s] range"),
        A(
            "panic-window-percentage",
            c => c.PanicWindowPercentage,
            10.0,
            "20",
            20.0,
            "0.5",
            "panic-window-percentage = 0.5, must be in [1, 100] interval"
        ),
        A("panic-threshold-percentage", c => c.PanicThresholdPercentage, 200.0, "150", 150.0, "x", NotANumber),
        A("max-scale-up-rate", c => c.MaxScaleUpRate, 1000.0, "10", 10.0, "1", "max-scale-up-rate = 1, must be greater than 1.0"),
        A("max-scale-down-rate", c => c.MaxScaleDownRate, 2.0, "4", 4.0, "0.5", "max-scale-down-rate = 0.5, must be greater than 1.0"),
        A("enable-scale-to-zero", c => c.EnableScaleToZero, true, "false", false, "maybe", NotABool),
        A("scale-to-zero-grace-period", c => c.ScaleToZeroGracePeriod, Seconds(30), "10s", Seconds(10), "0s", "*must be positive, was: 0s"),
        A(
            "scale-to-zero-pod-retention-period",
            c => c.ScaleToZeroPodRetentionPeriod,
            Seconds(0),
            "5m",
            Seconds(300),
            "-1s",
            "*cannot be negative, was: -1s"
        ),
        A(
            "pod-autoscaler-class",
            c => c.PodAutoscalerClass,
            "kpa.autoscaling.knative.dev",
            "hpa.autoscaling.knative.dev",
            "hpa.autoscaling.knative.dev"
        ),
        A("activator-capacity", c => c.ActivatorCapacity, 100.0, "50", 50.0, "0.9", "activator-capacity = 0.9, must be at least 1"),
        A(
            "initial-scale",
            c => c.InitialScale,
            1,
            "3",
            3,
            "0",
            "initial-scale = 0, must be at least 0 (or at least 1 when allow-zero-initial-scale is false)"
        ),
        A("allow-zero-initial-scale", c => c.AllowZeroInitialScale, false, "true", true, "maybe", NotABool),
        A("min-scale", c => c.MinScale, 0, "2", 2, "-1", "min-scale = -1, must be at least 0"),
        A("max-scale", c => c.MaxScale, 0, "9", 9, "-1", "max-scale = -1, must be in*range"),
        A(
            "scale-down-delay",
            c => c.ScaleDownDelay,
            Seconds(0),
            "15s",
            Seconds(15),
            "1500ms",
            "scale-down-delay = 1.5s, must be specified with at most second precision"
        ),
        A("max-scale-limit", c => c.MaxScaleLimit, 0, "20", 20, "-1", "max-scale-limit = -1, must be at least 0") with
        {
            Beside = [("max-scale", "10")],
        },
    ];

    private static ConfigKey[] Defaults { get; } =
    [
        D(
            "revision-timeout-seconds",
            c => c.RevisionTimeoutSeconds,
            300L,
            "100",
            100L,
            "601",
            "revision-timeout-seconds (601) cannot be greater than max-revision-timeout-seconds (600)"
        ),
        D("max-revision-timeout-seconds", c => c.MaxRevisionTimeoutSeconds, 600L, "900", 900L, "x", NotANumber),
        D(
            "revision-response-start-timeout-seconds",
            c => c.RevisionResponseStartTimeoutSeconds,
            300L,
            "20",
            20L,
            "301",
            "*cannot be greater than revision-timeout-seconds (300)"
        ),
        D(
            "revision-idle-timeout-seconds",
            c => c.RevisionIdleTimeoutSeconds,
            0L,
            "30",
            30L,
            "301",
            "*cannot be greater than revision-timeout-seconds (300)"
        ),
        D("revision-cpu-request", c => c.RevisionCpuRequest?.Text, null, "400m", "400m", "1x", NotAQuantity),
        D("revision-memory-request", c => c.RevisionMemoryRequest?.Text, null, "100M", "100M", "", NotAQuantity),
        D(
            "revision-ephemeral-storage-request",
            c => c.RevisionEphemeralStorageRequest?.Text,
            null,
            "500M",
            "500M",
            "1Mm",
            "*unable to parse quantity's suffix*"
        ),
        D("revision-cpu-limit", c => c.RevisionCpuLimit?.Text, null, "1000m", "1000m", "1 m", NotAQuantity),
        D("revision-memory-limit", c => c.RevisionMemoryLimit?.Text, null, "200M", "200M", "lots", NotAQuantity),
        D("revision-ephemeral-storage-limit", c => c.RevisionEphemeralStorageLimit?.Text, null, "750M", "750M", "1..2", NotAQuantity),
        D(
            "container-name-template",
            c => c.UserContainerName(Named),
            "user-container",
            "c-{{.Name}}",
            "c-hello",
            "{{range .Labels}}{{end}}",
            "*\"range\" is not supported"
        ),
        D(
            "init-container-name-template",
            c => c.InitContainerName(Named),
            "init-container",
            "i-{{.Name}}",
            "i-hello",
            "{{.Nope}}",
            "*can't evaluate field Nope*"
        ),
        D("container-concurrency", c => c.ContainerConcurrency, 0L, "10", 10L, "-1", "expected 0 <= -1 <= 1000: container-concurrency"),
        D(
            "container-concurrency-max-limit",
            c => c.ContainerConcurrencyMaxLimit,
            1000L,
            "20",
            20L,
            "0",
            "expected 1 <= 0 <= 2147483647: container-concurrency-max-limit"
        ),
        D("allow-container-concurrency-zero", c => c.AllowContainerConcurrencyZero, true, "false", false, "maybe", NotABool) with
        {
            Beside = [("container-concurrency", "10")],
        },
        D("enable-service-links", c => c.EnableServiceLinks, false, "default", null),
    ];

    private static ConfigKey[] Deployment { get; } =
    [
        P(
            "queue-sidecar-image",
            c => c.QueueSidecarImage,
            "queue:1",
            "queue:2",
            "queue:2",
            " ",
            "queue-sidecar-image cannot be empty or unset"
        ),
        P(
            "registries-skipping-tag-resolving",
            c => Sorted(c.RegistriesSkippingTagResolving),
            "dev.local,kind.local,ko.local",
            "b.local, a.local",
            "a.local,b.local"
        ),
        P(
            "digest-resolution-timeout",
            c => c.DigestResolutionTimeout,
            Seconds(10),
            "60s",
            Seconds(60),
            "0s",
            "*cannot be a non-positive duration, was 0s"
        ),
        P(
            "progress-deadline",
            c => c.ProgressDeadline,
            Seconds(600),
            "40s",
            Seconds(40),
            "1500ms",
            "progress-deadline must be rounded to a whole second, was: 1.5s"
        ),
        P("queue-sidecar-cpu-request", c => c.QueueSidecarCpuRequest?.Text, "25m", "30m", "30m", "x", NotAQuantity),
        P("queue-sidecar-cpu-limit", c => c.QueueSidecarCpuLimit?.Text, null, "1000m", "1000m", "x", NotAQuantity),
        P("queue-sidecar-memory-request", c => c.QueueSidecarMemoryRequest?.Text, null, "400Mi", "400Mi", "x", NotAQuantity),
        P("queue-sidecar-memory-limit", c => c.QueueSidecarMemoryLimit?.Text, null, "800Mi", "800Mi", "x", NotAQuantity),
        P(
            "queue-sidecar-ephemeral-storage-request",
            c => c.QueueSidecarEphemeralStorageRequest?.Text,
            null,
            "512Mi",
            "512Mi",
            "x",
            NotAQuantity
        ),
        P(
            "queue-sidecar-ephemeral-storage-limit",
            c => c.QueueSidecarEphemeralStorageLimit?.Text,
            null,
            "1024Mi",
            "1024Mi",
            "x",
            NotAQuantity
        ),
        P("queue-sidecar-token-audiences", c => Sorted(c.QueueSidecarTokenAudiences), "", "b,a", "a,b"),
        P("queue-sidecar-rootca", c => c.QueueSidecarRootCa, "", "pem", "pem"),
        P(
            "queue-sidecar-tls-min-version",
            c => c.QueueSidecarTlsMinVersion,
            "",
            "1.2",
            "1.2",
            "1.1",
            "*unsupported TLS version \"1.1\": must be \"1.2\" or \"1.3\""
        ),
        P(
            "queue-sidecar-tls-max-version",
            c => c.QueueSidecarTlsMaxVersion,
            "",
            "1.3",
            "1.3",
            "1.2",
            "*is below queue-sidecar-tls-min-version*"
        ),
        P(
            "queue-sidecar-tls-cipher-suites",
            c => c.QueueSidecarTlsCipherSuites,
            "",
            "TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "foo",
            "invalid queue-sidecar-tls-cipher-suites: unknown cipher suite \"foo\""
        ),
        P(
            "queue-sidecar-tls-curve-preferences",
            c => c.QueueSidecarTlsCurvePreferences,
            "",
            "X25519",
            "X25519",
            "X25519,bar",
            "*unknown curve \"bar\""
        ),
        P(
            "default-affinity-type",
            c => c.DefaultAffinityType,
            DefaultAffinityType.PreferSpreadRevisionOverNodes,
            "none",
            DefaultAffinityType.None,
            "some",
            "unsupported default-affinity-type value: \"some\""
        ),
        P(
            "runtime-class-name",
            c => c.PodRuntimeClassName(Empty.Map),
            null,
            "kata: {}",
            "kata",
            "Kata: {}",
            "runtime-class-name Kata selector not valid DNSSubdomain*"
        ),
        P("pod-is-always-schedulable", c => c.PodIsAlwaysSchedulable, false, "true", true, "maybe", NotABool),
    ];

    private static ConfigKey[] Gc { get; } =
    [
        G(
            "retain-since-create-time",
            c => c.RetainSinceCreateTime,
            TimeSpan.FromHours(48),
            "1h",
            TimeSpan.FromHours(1),
            "-1h",
            "*must be non-negative"
        ),
        G(
            "retain-since-last-active-time",
            c => c.RetainSinceLastActiveTime,
            TimeSpan.FromHours(15),
            "disabled",
            null,
            "soon",
            NotADuration
        ),
        G(
            "min-non-active-revisions",
            c => c.MinNonActiveRevisions,
            20L,
            "5",
            5L,
            "-1",
            "min-non-active-revisions must be non-negative, was: -1"
        ),
        G("max-non-active-revisions", c => c.MaxNonActiveRevisions, 1000L, "disabled", null, "-1", "*strconv.ParseUint*"),
    ];

    private static ConfigKey[] Reserve { get; } =
    [
        V("reserve-scale", c => c.Scale, 0, "2", 2, "-1", "reserve-scale = -1, must be at least 0"),
        V("reserve-cpu", c => c.Cpu?.Text, "10m", "5m", "5m", "0", "reserve-cpu (0) must be more than 0*"),
        V("reserve-memory", c => c.Memory?.Text, null, "32Mi", "32Mi", "much", NotAQuantity),
        V("reserve-after", c => c.After, null, "10m", Seconds(600), "25h", "reserve-after = 25h, must be more than 0 and at most 24h"),
        V("spare-busy-pods", c => c.SparesBusyPods, true, "false", false, "maybe"),
        V("prepull", c => c.PullsImages, false, "true", true, "maybe"),
    ];

    private static ConfigKey[] LeaderElection { get; } =
    [
        E(
            "lease-duration",
            c => c.LeaseDuration,
            Seconds(60),
            "90s",
            Seconds(90),
            "30s",
            "lease-duration (30s) must be longer than renew-deadline (40s)"
        ),
        E(
            "renew-deadline",
            c => c.RenewDeadline,
            Seconds(40),
            "30s",
            Seconds(30),
            "10s",
            "renew-deadline (10s) must be longer than retry-period (10s)"
        ),
        E("retry-period", c => c.RetryPeriod, Seconds(10), "2s", Seconds(2), "0s", "retry-period must be positive, was: 0s"),
        E("buckets", c => c.Buckets, 1, "3", 3, "11", "buckets: value must be between 1 <= 11 <= 10"),
        E("map-lease-prefix.controller", c => c.MapLeasePrefix.GetValueOrDefault("controller"), null, "mine", "mine"),
    ];

    private static ConfigKey[] Logging { get; } =
    [
        L(
            "zap-logger-config",
            c => c.LevelOf("controller"),
            "info",
            "{\"level\": \"warn\"}",
            "warn",
            "{",
            "zap-logger-config is not valid JSON*"
        ),
        .. new[]
        {
            "controller",
            "autoscaler",
            "queueproxy",
            "webhook",
            "activator",
            "hpaautoscaler",
            "gateway",
            "net-istio-controller",
            "net-contour-controller",
            "net-kourier-controller",
            "net-gateway-api-controller",
        }.Select(part => L("loglevel." + part, c => c.LevelOf(part), "info", "debug", "debug", "loud", "invalid logging level: loud")),
    ];

    private static ConfigKey[] Network { get; } =
    [
        N(
            "ingress-class",
            c => c.IngressClass,
            "istio.ingress.networking.knative.dev",
            "gateway.ingress.networking.knative.dev",
            "gateway.ingress.networking.knative.dev"
        ),
        N("certificate-class", c => c.CertificateClass, "cert-manager.certificate.networking.knative.dev", "mine", "mine"),
        N(
            "namespace-wildcard-cert-selector",
            c => c.NamespaceWildcardCertSelector?.MatchLabels.GetValueOrDefault("a"),
            null,
            "matchLabels: {a: b}",
            "b",
            "[",
            "*yaml: *"
        ),
        N(
            "domain-template",
            c => c.DomainName(new DomainTemplateValues("hello", "ns", "example.com")),
            "hello.ns.example.com",
            "{{.Name}}.{{.Domain}}",
            "hello.example.com",
            "{{.Name}}/x",
            "domain template has url path: /x"
        ),
        N(
            "tag-template",
            c => c.TagName(new TagTemplateValues("hello", "blue")),
            "blue-hello",
            "{{.Name}}-{{.Tag}}",
            "hello-blue",
            "{{.Domain}}",
            "*can't evaluate field Domain*"
        ),
        N("auto-tls", c => c.ExternalDomainTls, false, "Enabled", true),
        N("external-domain-tls", c => c.ExternalDomainTls, false, "enabled", true),
        N(
            "cluster-local-domain-tls",
            c => c.ClusterLocalDomainTls,
            false,
            "Enabled",
            true,
            "on",
            "cluster-local-domain-tls with value: \"on\" in config-network ConfigMap is not supported"
        ),
        N("internal-encryption", c => c.SystemInternalTls, false, "true", true, "maybe", NotABool),
        N(
            "system-internal-tls",
            c => c.SystemInternalTls,
            false,
            "enabled",
            true,
            "on",
            "system-internal-tls with value: \"on\" in config-network ConfigMap is not supported"
        ),
        N(
            "http-protocol",
            c => c.HttpProtocol,
            HttpProtocol.Enabled,
            "Redirected",
            HttpProtocol.Redirected,
            "on",
            "httpProtocol on in config-network ConfigMap is not supported"
        ),
        N("rollout-duration", c => c.RolloutDuration, 0, "60", 60, "-1", "rollout-duration must be a positive integer, but was -1"),
        N("autocreate-cluster-domain-claims", c => c.AutocreateClusterDomainClaims, false, "true", true, "maybe", NotABool),
        N("enable-mesh-pod-addressability", c => c.EnableMeshPodAddressability, false, "true", true, "maybe", NotABool),
        N("mesh-compatibility-mode", c => c.MeshCompatibilityMode, MeshCompatibilityMode.Auto, "enabled", MeshCompatibilityMode.Enabled),
        N("default-external-scheme", c => c.DefaultExternalScheme, "http", "https", "https"),
    ];

    private static ConfigKey[] Observability { get; } =
    [
        O("logging.enable-var-log-collection", c => c.LoggingEnableVarLogCollection, false, "true", true, "maybe", NotABool),
        O("logging.revision-url-template", c => c.LoggingRevisionUrlTemplate, "", "http://x/${REVISION_UID}", "http://x/${REVISION_UID}"),
        O(
            "logging.request-log-template",
            c => c.LoggingRequestLogTemplate,
            ObservabilityConfig.Default.LoggingRequestLogTemplate,
            "{{.TraceID}}",
            "{{.TraceID}}",
            "{{nosuch}}",
            "*function \"nosuch\" not defined"
        ),
        O("logging.enable-request-log", c => c.LoggingEnableRequestLog, false, "true", true, "maybe", NotABool),
        O("logging.enable-probe-request-log", c => c.LoggingEnableProbeRequestLog, false, "true", true, "maybe", NotABool),
        O(
            "logging.gateway-access-log-template",
            c => c.LoggingGatewayAccessLogTemplate,
            "",
            "{{.Backend.Address}} {{.Route.Name}}",
            "{{.Backend.Address}} {{.Route.Name}}",
            "{{.Backend.Colour}}",
            "*can't evaluate field Colour in type *"
        ),
        O("metrics-protocol", c => c.MetricsProtocol, "none", "prometheus", "prometheus", "statsd", "unsupported protocol \"statsd\""),
        O(
            "metrics-endpoint",
            c => c.MetricsEndpoint,
            "",
            "http://c:4318",
            "http://c:4318",
            "http://[",
            "metrics-endpoint*is not a URL of http or https"
        ) with
        {
            Beside = [("metrics-protocol", "grpc")],
        },
        O(
            "metrics-export-interval",
            c => c.MetricsExportInterval,
            TimeSpan.Zero,
            "60s",
            Seconds(60),
            "-1s",
            "export interval \"-1s\" should be greater than zero"
        ),
        O(
            "request-metrics-protocol",
            c => c.RequestMetricsProtocol,
            "none",
            "prometheus",
            "prometheus",
            "statsd",
            "unsupported protocol \"statsd\""
        ),
        O(
            "request-metrics-endpoint",
            c => c.RequestMetricsEndpoint,
            "",
            "0.0.0.0:9999",
            "0.0.0.0:9999",
            "nowhere",
            "*for prometheus exporter should be \"host:port\"*"
        ) with
        {
            Beside = [("request-metrics-protocol", "prometheus")],
        },
        O("request-metrics-export-interval", c => c.RequestMetricsExportInterval, TimeSpan.Zero, "10s", Seconds(10), "10", NotADuration),
        O("runtime-profiling", c => c.RuntimeProfiling, false, "enabled", true, "on", "unsupported profile setting \"on\""),
        O(
            "runtime-export-interval",
            c => c.RuntimeExportInterval,
            Seconds(15),
            "30s",
            Seconds(30),
            "-1s",
            "export interval \"-1s\" should be greater than zero"
        ),
        O("tracing-protocol", c => c.TracingProtocol, "none", "stdout", "stdout", "zipkin", "unsupported protocol \"zipkin\""),
        O(
            "tracing-endpoint",
            c => c.TracingEndpoint,
            "",
            "http://c:4318/v1/traces",
            "http://c:4318/v1/traces",
            "",
            "endpoint should be set for protocol \"grpc\""
        ) with
        {
            Beside = [("tracing-protocol", "grpc")],
        },
        O(
            "tracing-sampling-rate",
            c => c.TracingSamplingRate,
            0.0,
            "0.1",
            0.1,
            "1.5",
            "sampling rate 1.500000 should be less than or equal to one"
        ),
        O("logging-protocol", c => c.LoggingProtocol, "none", "grpc", "grpc", "syslog", "unsupported protocol \"syslog\"") with
        {
            Beside = [("logging-endpoint", "http://c:4317")],
        },
        O(
            "logging-endpoint",
            c => c.LoggingEndpoint,
            "",
            "http://c:4318/v1/logs",
            "http://c:4318/v1/logs",
            "",
            "logging-endpoint should be set when logging-protocol is \"grpc\""
        ) with
        {
            Beside = [("logging-protocol", "grpc")],
        },
    ];

    private static ConfigKey[] CertManager { get; } =
    [
        C("issuerRef", c => c.IssuerRef),
        C("clusterLocalIssuerRef", c => c.ClusterLocalIssuerRef),
        C("systemInternalIssuerRef", c => c.SystemInternalIssuerRef),
    ];

    private static ConfigKey[] Istio { get; } =
    [
        I("external-gateways", static c => c.ExternalGateways, "istio-ingressgateway"),
        I("local-gateways", static c => c.LocalGateways, "knative-local-gateway"),
    ];

    private static ConfigKey[] GatewayApi { get; } =
    [
        W("external-gateways", c => c.ExternalGateway, GatewayApiConfig.Default.ExternalGateway),
        W("local-gateways", c => c.LocalGateway, GatewayApiConfig.Default.LocalGateway),
    ];

    private static ConfigKey[] Listeners(string name, Func<GatewayListenersConfig, GatewayListenerConfig> listener)
    {
        const string Map = "config-gateway-listeners";
        ConfigKey Key(
            string key,
            Func<GatewayListenerConfig, object?> read,
            object? fallback,
            string text,
            object? parsed,
            string bad,
            string refusal
        ) => new(Map, $"{name}.{key}", c => read(listener(c.GatewayListeners)), fallback, text, parsed, bad, refusal);

        return
        [
            Key("max-connections", c => c.MaxConnections, null, "5000", 5000, "0", "*max-connections = 0, must be in [1, 1000000] range"),
            Key(
                "max-request-head-bytes",
                c => c.MaxRequestHeadBytes,
                256 * 1024,
                "65536",
                65536,
                "1024",
                "*max-request-head-bytes = 1024, must be in [4096, 262144] range"
            ),
            Key(
                "request-head-timeout",
                c => c.RequestHeadTimeout,
                Seconds(30),
                "10s",
                Seconds(10),
                "0s",
                "*request-head-timeout = 0s, must be in [1s, 10m0s] range"
            ),
            Key("idle-timeout", c => c.IdleTimeout, Seconds(600), "65s", Seconds(65), "25h", "*= 25h0m0s, must be in [1s, 24h0m0s] range"),
            Key("max-streams-per-connection", c => c.MaxStreamsPerConnection, 250, "100", 100, "0", "*= 0, must be in [1, 10000] range"),
            Key(
                "max-requests-per-connection",
                c => c.MaxRequestsPerConnection,
                0,
                "1000",
                1000,
                "-1",
                "*= -1, must be in [0, 2147483647] range"
            ),
            Key("trusted-hops", c => c.TrustedHops, null, "2", 2, "17", "*trusted-hops = 17, must be in [0, 16] range"),
            Key(
                "proxy-protocol",
                c => c.ProxyProtocol,
                ProxyProtocolMode.Off,
                "required",
                ProxyProtocolMode.Required,
                "on",
                "*failed to parse*\"on\" is not one of off, optional, required"
            ) with
            {
                Beside = [($"{name}.proxy-protocol-sources", "10.0.0.0/8")],
            },
            Key(
                "proxy-protocol-sources",
                c => string.Join(' ', c.ProxyProtocolSources),
                "",
                "10.0.0.1/8, 192.168.1.7,fd00::/8",
                "10.0.0.0/8 192.168.1.7/32 fd00::/8",
                "10.0.0.0/8, 10.0.0.0/33",
                "*\"10.0.0.0/33\" is neither an IP address nor a CIDR*"
            ),
        ];
    }

    private static ObjectMeta Named => new() { Name = "hello" };

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private static string Sorted(IEnumerable<string> values) => string.Join(',', values.Order(StringComparer.Ordinal));

    private static ConfigKey A(
        string key,
        Func<AutoscalerConfig, object?> read,
        object? fallback,
        string text,
        object? parsed,
        string? bad = null,
        string refusal = "*"
    ) => new("config-autoscaler", key, c => read(c.Autoscaler), fallback, text, parsed, bad, refusal);

    private static ConfigKey D(
        string key,
        Func<DefaultsConfig, object?> read,
        object? fallback,
        string text,
        object? parsed,
        string? bad = null,
        string refusal = "*"
    ) => new("config-defaults", key, c => read(c.Defaults), fallback, text, parsed, bad, refusal);

    private static ConfigKey P(
        string key,
        Func<DeploymentConfig, object?> read,
        object? fallback,
        string text,
        object? parsed,
        string? bad = null,
        string refusal = "*"
    ) => new("config-deployment", key, c => read(c.Deployment), fallback, text, parsed, bad, refusal);

    private static ConfigKey G(
        string key,
        Func<GcConfig, object?> read,
        object? fallback,
        string text,
        object? parsed,
        string? bad = null,
        string refusal = "*"
    ) => new("config-gc", key, c => read(c.Gc), fallback, text, parsed, bad, refusal);

    private static ConfigKey V(
        string key,
        Func<ReserveConfig, object?> read,
        object? fallback,
        string text,
        object? parsed,
        string? bad = null,
        string refusal = "*"
    ) => new("config-reserve", key, c => read(c.Reserve), fallback, text, parsed, bad, refusal);

    private static ConfigKey E(
        string key,
        Func<LeaderElectionConfig, object?> read,
        object? fallback,
        string text,
        object? parsed,
        string? bad = null,
        string refusal = "*"
    ) => new("config-leader-election", key, c => read(c.LeaderElection), fallback, text, parsed, bad, refusal);

    private static ConfigKey L(
        string key,
        Func<LoggingConfig, object?> read,
        object? fallback,
        string text,
        object? parsed,
        string? bad = null,
        string refusal = "*"
    ) => new("config-logging", key, c => read(c.Logging), fallback, text, parsed, bad, refusal);

    private static ConfigKey N(
        string key,
        Func<NetworkConfig, object?> read,
        object? fallback,
        string text,
        object? parsed,
        string? bad = null,
        string refusal = "*"
    ) => new("config-network", key, c => read(c.Network), fallback, text, parsed, bad, refusal);

    private static ConfigKey O(
        string key,
        Func<ObservabilityConfig, object?> read,
        object? fallback,
        string text,
        object? parsed,
        string? bad = null,
        string refusal = "*"
    ) => new("config-observability", key, c => read(c.Observability), fallback, text, parsed, bad, refusal);

    private static ConfigKey I(string key, Func<IstioConfig, IReadOnlyList<IstioGatewayReference>> read, string fallback) =>
        new(
            "config-istio",
            key,
            c => string.Join(' ', read(c.Istio).Select(static gateway => gateway.Service)),
            $"{fallback}.istio-system.svc.cluster.local",
            "[{name: mine, namespace: edge, service: mine.edge.svc.cluster.local}]",
            "mine.edge.svc.cluster.local",
            "[a]",
            "*cannot unmarshal string into a mapping*"
        );

    private static ConfigKey W(string key, Func<GatewayApiConfig, GatewaySelection> read, GatewaySelection fallback) =>
        new(
            "config-gateway",
            key,
            c => Shown(read(c.GatewayApi)),
            Shown(fallback),
            "- class: edge\n  gateway: ns/name\n  supported-features: [A, B]\n  proxy-protocol-enabled: true",
            "edge ns/name (no Service) A,B True",
            "- class: edge\n  gateway: name",
            $"unable to parse \"{key}\": failed to parse \"gateway\": expected 'namespace/name' format"
        );

    private static string Shown(GatewaySelection selection) =>
        $"{selection.Class} {selection.Gateway} {selection.Service?.ToString() ?? "(no Service)"} "
        + $"{string.Join(',', selection.SupportedFeatures)} {selection.ProxyProtocolEnabled}";

    private static ConfigKey C(string key, Func<CertManagerConfig, object?> read) =>
        new(
            "config-certmanager",
            key,
            c => read(c.CertManager),
            IssuerReference.SelfSigned,
            "kind: Issuer\nname: mine",
            new IssuerReference("mine", "Issuer", ""),
            "[a]",
            "*cannot unmarshal array*"
        );
}
