using System.Globalization;
using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Activator.Throttling;
using Serving.Api.Autoscaling;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Defaults;
using Serving.Api.Knative;
using Serving.Api.Validation;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Reconcilers;
using Serving.Controller.GarbageCollection;
using Serving.Controller.Revisions;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Revisions.Resources;
using Serving.Tests.Activator;
using Serving.Tests.Api;
using Serving.Tests.Controller;

namespace Serving.Tests.ConfigMaps;

/// <summary>
/// Changing a key at run time changes the behavior of the code that reads it: through a store that watches the ConfigMap, into the pure
/// makers, defaults, validation and settings that the reconcilers use.
/// </summary>
public sealed class LiveKeyTests
{
    private static readonly DateTimeOffset Now = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);

    private static IEnumerable<TestCaseData> Autoscaler =>
        [
            Case("config-autoscaler", "container-concurrency-target-percentage", "50", c => Settings(c).Target().Target, 70, 50),
            Case("config-autoscaler", "container-concurrency-target-default", "10", c => Settings(c).Target().Total, 100, 10),
            Case(
                "config-autoscaler",
                "requests-per-second-target-default",
                "50",
                c => Settings(c, (AutoscalingKeys.Metric.Key, "rps")).Target().Total,
                200,
                50
            ),
            Case("config-autoscaler", "target-burst-capacity", "-1", c => Decider(c).TargetBurstCapacity, 211, -1),
            Case("config-autoscaler", "stable-window", "30s", c => Decider(c).StableWindow, "00:01:00", "00:00:30"),
            Case("config-autoscaler", "panic-window-percentage", "50", c => Settings(c).PanicWindow, "00:00:06", "00:00:30"),
            Case("config-autoscaler", "panic-threshold-percentage", "150", c => Decider(c).PanicThreshold, 2, 1.5),
            Case("config-autoscaler", "max-scale-up-rate", "10", c => Decider(c).MaxScaleUpRate, 1000, 10),
            Case("config-autoscaler", "max-scale-down-rate", "5", c => Decider(c).MaxScaleDownRate, 2, 5),
            Case("config-autoscaler", "enable-scale-to-zero", "false", c => ScaleToZeroLimits.Of(c).Enabled, true, false),
            Case(
                "config-autoscaler",
                "scale-to-zero-grace-period",
                "10s",
                c => ScaleToZeroLimits.Of(c).GracePeriod,
                "00:00:30",
                "00:00:10"
            ),
            Case(
                "config-autoscaler",
                "scale-to-zero-pod-retention-period",
                "10s",
                c => Settings(c).LastPodRetention,
                "00:00:00",
                "00:00:10"
            ),
            Case(
                "config-autoscaler",
                "pod-autoscaler-class",
                "hpa.autoscaling.knative.dev",
                c =>
                    PodAutoscalerMaker.Make(Samples.Revision(), null, c.Autoscaler.PodAutoscalerClass).Metadata.Annotations[
                        AutoscalingKeys.Class.Key
                    ],
                "kpa.autoscaling.knative.dev",
                "hpa.autoscaling.knative.dev"
            ),
            Case("config-autoscaler", "activator-capacity", "50", c => Decider(c).ActivatorCapacity, 100, 50),
            Case("config-autoscaler", "initial-scale", "3", c => $"{Deploy(c).Replicas} {Decider(c).InitialScale}", "1 1", "3 3"),
            Case(
                "config-autoscaler",
                "allow-zero-initial-scale",
                "true",
                c => Settings(c, (AutoscalingKeys.InitialScale.Key, "0")).InitialScale,
                1,
                0
            ),
            Case("config-autoscaler", "min-scale", "2", c => Settings(c).MinScale, 0, 2),
            Case("config-autoscaler", "max-scale", "9", c => Settings(c).MaxScale, 0, 9),
            Case("config-autoscaler", "scale-down-delay", "15s", c => Decider(c).ScaleDownDelay, "00:00:00", "00:00:15"),
            Case(
                "config-autoscaler",
                "max-scale-limit",
                "5",
                c =>
                    Errors(c, template: $$"""{"annotations":{"{{AutoscalingKeys.MaxScale.Key}}":"9"} }""")
                        .Contains("max-scale", StringComparison.Ordinal),
                false,
                true,
                ("max-scale", "4")
            ),
        ];

    private static IEnumerable<TestCaseData> Defaults =>
        [
            Case("config-defaults", "revision-timeout-seconds", "100", c => Defaulted(c).TimeoutSeconds, 300, 100),
            Case(
                "config-defaults",
                "max-revision-timeout-seconds",
                "900",
                c => Errors(c, """{"containers":[{"image":"busybox"}],"timeoutSeconds":700}"""),
                "expected 0 <= 700 <= 600: spec.template.spec.timeoutSeconds",
                ""
            ),
            Case("config-defaults", "revision-response-start-timeout-seconds", "20", c => Defaulted(c).ResponseStartTimeoutSeconds, "", 20),
            Case("config-defaults", "revision-idle-timeout-seconds", "30", c => Defaulted(c).IdleTimeoutSeconds, "", 30),
            Case("config-defaults", "revision-cpu-request", "400m", c => Resource(c, r => r.Requests, "cpu"), "", "400m"),
            Case("config-defaults", "revision-memory-request", "100M", c => Resource(c, r => r.Requests, "memory"), "", "100M"),
            Case(
                "config-defaults",
                "revision-ephemeral-storage-request",
                "500M",
                c => Resource(c, r => r.Requests, "ephemeral-storage"),
                "",
                "500M"
            ),
            Case("config-defaults", "revision-cpu-limit", "1", c => Resource(c, r => r.Limits, "cpu"), "", "1"),
            Case("config-defaults", "revision-memory-limit", "200M", c => Resource(c, r => r.Limits, "memory"), "", "200M"),
            Case(
                "config-defaults",
                "revision-ephemeral-storage-limit",
                "750M",
                c => Resource(c, r => r.Limits, "ephemeral-storage"),
                "",
                "750M"
            ),
            Case(
                "config-defaults",
                "container-name-template",
                "c-{{.Name}}",
                c => Defaulted(c).Containers[0].Name,
                "user-container",
                "c-byo"
            ),
            Case(
                "config-defaults",
                "init-container-name-template",
                "i-{{.Name}}",
                c => Defaulted(c, """{"containers":[{"image":"busybox"}],"initContainers":[{"image":"busybox"}]}""").InitContainers[0].Name,
                "init-container",
                "i-byo"
            ),
            Case("config-defaults", "container-concurrency", "10", c => Defaulted(c).ContainerConcurrency, 0, 10),
            Case(
                "config-defaults",
                "container-concurrency-max-limit",
                "50",
                c => Errors(c, """{"containers":[{"image":"busybox"}],"containerConcurrency":100}"""),
                "",
                "expected 0 <= 100 <= 50: spec.template.spec.containerConcurrency"
            ),
            Case(
                "config-defaults",
                "allow-container-concurrency-zero",
                "false",
                c => Errors(c, """{"containers":[{"image":"busybox"}],"containerConcurrency":0}"""),
                "",
                "expected 1 <= 0 <= 1000: spec.template.spec.containerConcurrency"
            ),
            Case("config-defaults", "enable-service-links", "true", c => Defaulted(c).EnableServiceLinks, false, true),
        ];

    private static IEnumerable<TestCaseData> Deployment =>
        [
            Case("config-deployment", "queue-sidecar-image", "queue:2", c => Queue(c).Image, "queue:1", "queue:2"),
            Case("config-deployment", "progress-deadline", "40s", c => Deploy(c).ProgressDeadlineSeconds, 600, 40),
            Case("config-deployment", "queue-sidecar-cpu-request", "30m", c => Queue(c).Resources?.Requests?["cpu"].Text, "25m", "30m"),
            Case("config-deployment", "queue-sidecar-cpu-limit", "1", c => Queue(c).Resources?.Limits?["cpu"].Text, "", "1"),
            Case(
                "config-deployment",
                "queue-sidecar-memory-request",
                "40Mi",
                c => Queue(c).Resources?.Requests?.GetValueOrDefault("memory").Text,
                "",
                "40Mi"
            ),
            Case("config-deployment", "queue-sidecar-memory-limit", "80Mi", c => Queue(c).Resources?.Limits?["memory"].Text, "", "80Mi"),
            Case(
                "config-deployment",
                "queue-sidecar-ephemeral-storage-request",
                "1Mi",
                c => Queue(c).Resources?.Requests?.GetValueOrDefault("ephemeral-storage").Text,
                "",
                "1Mi"
            ),
            Case(
                "config-deployment",
                "queue-sidecar-ephemeral-storage-limit",
                "2Mi",
                c => Queue(c).Resources?.Limits?["ephemeral-storage"].Text,
                "",
                "2Mi"
            ),
            Case(
                "config-deployment",
                "queue-sidecar-token-audiences",
                "b,a",
                c => string.Join(',', Queue(c).VolumeMounts.Select(m => m.MountPath)),
                "",
                "/var/run/secrets/tokens"
            ),
            Case("config-deployment", "queue-sidecar-rootca", "pem", c => Variable(c, "ROOT_CA"), "", "pem"),
            Case("config-deployment", "queue-sidecar-tls-min-version", "1.3", c => Variable(c, "QUEUE_PROXY_TLS_MIN_VERSION"), "", "1.3"),
            Case("config-deployment", "queue-sidecar-tls-max-version", "1.3", c => Variable(c, "QUEUE_PROXY_TLS_MAX_VERSION"), "", "1.3"),
            Case(
                "config-deployment",
                "queue-sidecar-tls-cipher-suites",
                "TLS_AES_256_GCM_SHA384",
                c => Variable(c, "QUEUE_PROXY_TLS_CIPHER_SUITES"),
                "",
                "TLS_AES_256_GCM_SHA384"
            ),
            Case(
                "config-deployment",
                "queue-sidecar-tls-curve-preferences",
                "X25519",
                c => Variable(c, "QUEUE_PROXY_TLS_CURVE_PREFERENCES"),
                "",
                "X25519"
            ),
            Case("config-deployment", "default-affinity-type", "none", c => Pod(c).Affinity is null, false, true),
            Case("config-deployment", "runtime-class-name", "kata: {}", c => Pod(c).RuntimeClassName, "", "kata"),
            Case("config-deployment", "pod-is-always-schedulable", "true", UnschedulableReason, "Unschedulable", ""),
            Case(
                "config-deployment",
                "registries-skipping-tag-resolving",
                "b.local, a.local",
                c => string.Join(',', Asked(c).SkippedRegistries.Order(StringComparer.Ordinal)),
                "dev.local,kind.local,ko.local",
                "a.local,b.local"
            ),
            Case("config-deployment", "digest-resolution-timeout", "3s", c => Asked(c).Timeout, "00:00:10", "00:00:03"),
        ];

    private static IEnumerable<TestCaseData> Reserve =>
        [
            Case("config-reserve", "reserve-scale", "2", c => Settings(c).Reserve.Scale, 0, 2),
            Case("config-reserve", "reserve-cpu", "5m", c => Settings(c).Reserve.Cpu, "10m", "5m"),
            Case("config-reserve", "reserve-memory", "32Mi", c => Settings(c).Reserve.Memory, "", "32Mi"),
            Case("config-reserve", "reserve-after", "10m", c => Settings(c).Reserve.After, "", "00:10:00"),
            Case("config-reserve", "prepull", "true", c => c.Reserve.PullsImages, false, true),
            Case("config-reserve", "spare-busy-pods", "false", c => c.Reserve.SparesBusyPods, true, false),
        ];

    private static IEnumerable<TestCaseData> Gc =>
        [
            Case(
                "config-gc",
                "retain-since-create-time",
                "1h",
                c => Stale(c, 2),
                "",
                "r0",
                ("min-non-active-revisions", "0"),
                ("retain-since-last-active-time", "disabled")
            ),
            Case(
                "config-gc",
                "retain-since-last-active-time",
                "1h",
                c => Stale(c, 2),
                "",
                "r0",
                ("min-non-active-revisions", "0"),
                ("retain-since-create-time", "disabled")
            ),
            Case("config-gc", "min-non-active-revisions", "0", c => Stale(c, 100), "", "r0"),
            Case("config-gc", "max-non-active-revisions", "1", c => Stale(c, 3, 2), "", "r0", ("min-non-active-revisions", "0")),
        ];

    private static IEnumerable<TestCaseData> Sidecar =>
        [
            Case("config-logging", "loglevel.queueproxy", "debug", c => Variable(c, "SERVING_LOGGING_LEVEL"), "", "debug"),
            Case("config-logging", "loglevel.queueproxy", "Warning", c => Variable(c, "SERVING_LOGGING_LEVEL"), "", "warn"),
            Case(
                "config-logging",
                "zap-logger-config",
                "{\"level\":\"warn\"}",
                c => Variable(c, "SERVING_LOGGING_CONFIG"),
                "",
                "{\"level\":\"warn\"}"
            ),
            Case(
                "config-network",
                "internal-encryption",
                "true",
                c => string.Join(',', Pod(c).Volumes.Select(v => v.Name)),
                "",
                "server-certs"
            ),
            Case(
                "config-network",
                "system-internal-tls",
                "Enabled",
                c => string.Join(',', Pod(c).Volumes.Select(v => v.Name)),
                "",
                "server-certs"
            ),
            Case(
                "config-observability",
                "logging.enable-var-log-collection",
                "true",
                c => string.Join(',', Pod(c).Volumes.Select(v => v.Name)),
                "",
                "knative-var-log"
            ),
            Observed("logging.enable-request-log", "true", "\"enableRequestLog\":true"),
            Observed("logging.enable-probe-request-log", "true", "\"enableProbeRequestLog\":true"),
            Observed("logging.request-log-template", "{{.TraceID}}", "\"requestLogTemplate\":\"{{.TraceID}}\""),
            Observed("logging.revision-url-template", "http://x", "\"LoggingURLTemplate\":\"http://x\""),
            Observed("request-metrics-protocol", "prometheus", "\"requestMetrics\":{\"protocol\":\"prometheus\""),
            Observed(
                "request-metrics-endpoint",
                "c:1",
                "\"endpoint\":\"c:1\"",
                ("request-metrics-protocol", "grpc"),
                ("request-metrics-endpoint", "d:1")
            ),
            Observed("request-metrics-export-interval", "5s", "\"exportInterval\":5000000000"),
            Observed("runtime-profiling", "enabled", "\"profiling\":\"enabled\""),
            Observed("runtime-export-interval", "5s", "\"exportInterval\":5000000000"),
            Observed("tracing-protocol", "stdout", "\"tracing\":{\"protocol\":\"stdout\""),
            Observed(
                "tracing-endpoint",
                "http://t",
                "\"endpoint\":\"http://t\"",
                ("tracing-protocol", "grpc"),
                ("tracing-endpoint", "http://s")
            ),
            Observed("tracing-sampling-rate", "0.5", "\"samplingRate\":0.5"),
            Case("config-observability", "runtime-profiling", "enabled", c => Queue(c).Ports.Any(port => port.Number == 8008), false, true),
        ];

    private static IEnumerable<TestCaseData> Mesh =>
        [
            Case("config-network", "mesh-compatibility-mode", "disabled", c => CapacityOfAReadyPod(c), 0, 1),
            Case("config-network", "enable-mesh-pod-addressability", "true", c => Backends(c).MeshHost, "", "hello-00001-private.default"),
        ];

    [TestCaseSource(nameof(Autoscaler))]
    [TestCaseSource(nameof(Mesh))]
    [TestCaseSource(nameof(Defaults))]
    [TestCaseSource(nameof(Deployment))]
    [TestCaseSource(nameof(Gc))]
    [TestCaseSource(nameof(Reserve))]
    [TestCaseSource(nameof(Sidecar))]
    public void A_change_is_followed(
        string map,
        string key,
        string value,
        Func<ConfigSnapshot, object?> behaviour,
        string before,
        string after,
        (string, string)[] beside
    )
    {
        using var live = new LiveConfig();
        var data = ConfigKey.Required(map).Select(pair => (pair.Key, pair.Value)).Concat(beside).DistinctBy(pair => pair.Item1).ToList();
        live.Put(map, [.. data]);
        Text(behaviour(live.Current)).Should().Be(before);

        live.Put(map, [.. data.Where(pair => pair.Item1 != key), (key, value)]);
        Text(behaviour(live.Current)).Should().Be(after);

        live.Put(map, [.. data]);
        Text(behaviour(live.Current)).Should().Be(before, "a key that is taken back is back to what it was");
    }

    private static TestCaseData Case(
        string map,
        string key,
        string value,
        Func<ConfigSnapshot, object?> behaviour,
        object before,
        object after,
        params (string, string)[] beside
    ) => new TestCaseData(map, key, value, behaviour, Text(before), Text(after), beside).SetArgDisplayNames(map, key);

    /// <summary>A key that is passed to the sidecar in its OBSERVABILITY_CONFIG.</summary>
    private static TestCaseData Observed(string key, string value, string part, params (string, string)[] beside) =>
        Case(
            "config-observability",
            key,
            value,
            c => Variable(c, "OBSERVABILITY_CONFIG").Contains(part, StringComparison.Ordinal),
            false,
            true,
            beside
        );

    private static string Text(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    private static AutoscalerSettings Settings(ConfigSnapshot config, params (string Key, string Value)[] annotations) =>
        new(
            new PodAutoscaler { Metadata = new ObjectMeta { Annotations = annotations.ToDictionary(a => a.Key, a => a.Value) } },
            config.Autoscaler,
            config.Reserve
        );

    private static Serving.Autoscaler.Scaling.DeciderSpec Decider(ConfigSnapshot config) => Settings(config).ToDeciderSpec();

    private static RevisionSpec Defaulted(ConfigSnapshot config, string podSpec = """{"containers":[{"image":"busybox"}]}""") =>
        ServiceDefaults.Apply(Documents.Service(podSpec), null, new AdmissionContext(config)).Spec.Template.Spec;

    private static string? Resource(
        ConfigSnapshot config,
        Func<ResourceRequirements, IReadOnlyDictionary<string, Quantity>?> of,
        string name
    ) =>
        Defaulted(config).Containers[0].Resources is { } resources && of(resources) is { } values && values.TryGetValue(name, out var value)
            ? value.Text
            : null;

    private static string Errors(ConfigSnapshot config, string podSpec = """{"containers":[{"image":"busybox"}]}""", string template = "{}")
    {
        var context = new AdmissionContext(config);
        return ServiceValidation
            .Validate(ServiceDefaults.Apply(Documents.Service(podSpec, template), null, context), null, context)
            .Only(FieldErrorLevel.Error)
            .ToString();
    }

    private static DeploymentSpec Deploy(ConfigSnapshot config) =>
        DeploymentMaker.Make(Samples.Revision(), config, LiveConfig.Namespace).Spec!;

    private static PodSpec Pod(ConfigSnapshot config) => Deploy(config).Template!.Spec!;

    private static Container Queue(ConfigSnapshot config) => Pod(config).Containers[1];

    private static string Variable(ConfigSnapshot config, string name) => Queue(config).Env.Single(variable => variable.Name == name).Value;

    private static string UnschedulableReason(ConfigSnapshot config)
    {
        var pod = new Pod
        {
            Status = new PodStatus
            {
                Conditions =
                [
                    new Condition
                    {
                        Type = "PodScheduled",
                        Status = ConditionStatus.False,
                        Reason = "Unschedulable",
                        Message = "no room",
                    },
                ],
            },
        };
        var status = PodProblems.Apply(new RevisionStatus(), [pod], deadlineExceeded: false, config.Deployment, Now);
        return status.Conditions.FirstOrDefault(condition => condition.Type == "ResourcesAvailable")?.Reason ?? "";
    }

    // The request to a registry about a Revision's image.
    private static DigestRequest Asked(ConfigSnapshot config)
    {
        DigestRequest? asked = null;
        var resolver = Substitute.For<IDigestResolver>();
        resolver.ResolveAsync(Arg.Do<DigestRequest>(request => asked = request), Arg.Any<CancellationToken>()).Returns("app@sha256:1");
        using var resolution = new DigestResolution(resolver, TimeProvider.System);
        resolution.Poll(Samples.Revision(), config.Deployment).Should().NotBeNull();
        return asked!;
    }

    /// <summary>Where there can be no mesh, a pod need not respond itself.</summary>
    private static int CapacityOfAReadyPod(ConfigSnapshot config)
    {
        var throttler = new RevisionThrottler(containerConcurrency: 1, queueDepth: 1);
        using var backends = Backends(config, throttler);
        backends.Update(FakePod.Object("pod", 1, ready: true));
        return throttler.Capacity;
    }

    private static RevisionBackends Backends(ConfigSnapshot config, RevisionThrottler? throttler = null) =>
        new(
            Samples.Revision(),
            throttler ?? new RevisionThrottler(1, 1),
            new PodProber(null, 8112, TimeProvider.System),
            () => config.Network,
            () => null
        );

    private static string Stale(ConfigSnapshot config, params int[] hours)
    {
        var revisions = hours.Select(
            (age, i) =>
                new Revision
                {
                    Metadata = new ObjectMeta
                    {
                        Name = "r" + i,
                        CreationTimestamp = Now.AddHours(-age),
                        Labels = new Dictionary<string, string> { [ServingKeys.RoutingState] = "reserve" },
                    },
                }
        );
        return string.Join(
            ',',
            StaleRevisions.Choose(new Configuration(), revisions, config.Gc, Now).Select(revision => revision.Metadata.Name)
        );
    }
}
