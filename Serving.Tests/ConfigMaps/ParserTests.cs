using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.ConfigMaps;
using Serving.Observability.Logging;
using Serving.Tests.Support;

namespace Serving.Tests.ConfigMaps;

public sealed class ParserTests
{
    [TestCase(
        "enable-scale-to-zero",
        "maybe",
        "failed to parse data: failed to parse \"enable-scale-to-zero\": strconv.ParseBool: parsing \"maybe\": invalid syntax"
    )]
    [TestCase("scale-to-zero-grace-period", "-4s", "scale-to-zero-grace-period must be positive, was: -4s")]
    [TestCase("stable-window", "5s", "stable-window = 5s, must be in [6s; 1h0m0s] range")]
    [TestCase("stable-window", "9500ms", "stable-window = 9.5s, must be specified with at most second precision")]
    [TestCase("max-scale-up-rate", "1", "max-scale-up-rate = 1, must be greater than 1.0")]
    [TestCase("target-burst-capacity", "-2", "target-burst-capacity must be either non-negative or -1 (for unlimited), was: -2.000000")]
    [TestCase(
        "container-concurrency-target-percentage",
        "0",
        "container-concurrency-target-percentage = 0.000000 is outside of valid range of (0, 100]"
    )]
    [TestCase("panic-window-percentage", "101", "panic-window-percentage = 101, must be in [1, 100] interval")]
    [TestCase("initial-scale", "0", "initial-scale = 0, must be at least 0 (or at least 1 when allow-zero-initial-scale is false)")]
    [TestCase("max-scale-limit", "5", "max-scale = 0, must be in [1, max-scale-limit(5)] range")]
    public void Config_autoscaler_is_refused(string key, string value, string message) =>
        FluentActions
            .Invoking(() => AutoscalerConfigParser.Parse(new Dictionary<string, string> { [key] = value }))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage(message)
            .Which.ConfigMap.Should()
            .Be("config-autoscaler");

    [Test]
    public void A_target_percentage_up_to_one_is_a_fraction() =>
        AutoscalerConfigParser
            .Parse(new Dictionary<string, string> { ["container-concurrency-target-percentage"] = "0.55" })
            .TargetUtilization.Should()
            .Be(0.55);

    [Test]
    public void Feature_flags_ignore_case_and_unknown_values()
    {
        var features = FeaturesConfigParser.Parse(
            new Dictionary<string, string>
            {
                ["multi-container"] = "DISABLED",
                ["kubernetes.podspec-affinity"] = "sometimes",
                ["secure-pod-defaults"] = "allowrootbounded",
            }
        );
        features.MultiContainer.Should().Be(FeatureFlag.Disabled);
        features.PodSpecAffinity.Should().Be(FeatureFlag.Disabled);
        features.SecurePodDefaults.Should().Be(SecurePodDefaults.AllowRootBounded);
    }

    [Test]
    public void Defaults_name_containers_by_a_template()
    {
        var defaults = DefaultsConfigParser.Parse(
            new Dictionary<string, string> { ["container-name-template"] = "{{.Name}}-{{index .Labels \"app\"}}" }
        );
        defaults
            .UserContainerName(
                new ObjectMeta
                {
                    Name = "web",
                    Labels = new Dictionary<string, string> { ["app"] = "x" },
                }
            )
            .Should()
            .Be("web-x");
        defaults.InitContainerName(new ObjectMeta()).Should().Be("init-container");
    }

    [Test]
    public void The_response_start_timeout_follows_the_timeout() =>
        DefaultsConfigParser
            .Parse(new Dictionary<string, string> { ["revision-timeout-seconds"] = "100" })
            .RevisionResponseStartTimeoutSeconds.Should()
            .Be(100);

    [TestCase(
        "revision-timeout-seconds",
        "601",
        "revision-timeout-seconds (601) cannot be greater than max-revision-timeout-seconds (600)"
    )]
    [TestCase("container-concurrency", "1001", "expected 0 <= 1001 <= 1000: container-concurrency")]
    [TestCase(
        "revision-cpu-request",
        "1x",
        "failed to parse \"revision-cpu-request\": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
    )]
    public void Config_defaults_is_refused(string key, string value, string message) =>
        FluentActions
            .Invoking(() => DefaultsConfigParser.Parse(new Dictionary<string, string> { [key] = value }))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage(message);

    [Test]
    public void Config_deployment_needs_the_sidecar_image() =>
        FluentActions
            .Invoking(() => DeploymentConfigParser.Parse(Empty.Map))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage("queue-sidecar-image cannot be empty or unset");

    [Test]
    public void Config_deployment_reads_older_keys_and_picks_the_most_specific_runtime_class()
    {
        var config = DeploymentConfigParser.Parse(
            new Dictionary<string, string>
            {
                ["queueSidecarImage"] = "queue",
                ["progressDeadline"] = "30s",
                ["progress-deadline"] = "40s",
                ["runtime-class-name"] = "kata: {}\ngvisor:\n  selector:\n    my-label: selector\n",
            }
        );
        config.QueueSidecarImage.Should().Be("queue");
        config.ProgressDeadline.Should().Be(TimeSpan.FromSeconds(40));
        config.PodRuntimeClassName(Empty.Map).Should().Be("kata");
        config.PodRuntimeClassName(new Dictionary<string, string> { ["my-label"] = "selector" }).Should().Be("gvisor");
    }

    [Test]
    public void Config_domain_picks_by_labels_and_falls_back_to_the_cluster()
    {
        var config = DomainConfigParser.Parse(
            new Dictionary<string, string> { ["example.org"] = "selector:\n  app: nonprofit", ["_example"] = "garbage: [" },
            "corp.local"
        );
        config.LookupDomainForLabels(Empty.Map).Should().Be("svc.corp.local");
        config.LookupDomainForLabels(new Dictionary<string, string> { ["app"] = "nonprofit" }).Should().Be("example.org");
        config
            .LookupDomainForLabels(
                new Dictionary<string, string> { ["app"] = "nonprofit", ["networking.knative.dev/visibility"] = "cluster-local" }
            )
            .Should()
            .Be("svc.corp.local");
        DomainConfigParser
            .Parse(new Dictionary<string, string> { ["b.com"] = "", ["a.com"] = "" })
            .LookupDomainForLabels(Empty.Map)
            .Should()
            .Be("a.com");
    }

    [Test]
    public void Config_gc_knows_disabled()
    {
        var config = GcConfigParser.Parse(
            new Dictionary<string, string> { ["retain-since-create-time"] = "Disabled", ["max-non-active-revisions"] = "disabled" }
        );
        config.RetainSinceCreateTime.Should().BeNull();
        config.MaxNonActiveRevisions.Should().BeNull();
        config.RetainSinceLastActiveTime.Should().Be(TimeSpan.FromHours(15));
    }

    [Test]
    public void Config_network_names_hosts_by_templates()
    {
        var config = NetworkConfigParser.Parse(
            new Dictionary<string, string>
            {
                ["domain-template"] = "{{.Name}}{{if index .Annotations \"sub\"}}.{{index .Annotations \"sub\"}}{{end}}.{{.Domain}}",
                ["autoTLS"] = "enabled",
                ["http-protocol"] = "redirected",
            }
        );
        config.DomainName(new DomainTemplateValues("a", "ns", "ex.com")).Should().Be("a.ex.com");
        config
            .DomainName(new DomainTemplateValues("a", "ns", "ex.com") { Annotations = new Dictionary<string, string> { ["sub"] = "s" } })
            .Should()
            .Be("a.s.ex.com");
        config.TagName(new TagTemplateValues("a", "v1")).Should().Be("v1-a");
        config.ExternalDomainTls.Should().BeTrue();
        config.HttpProtocol.Should().Be(HttpProtocol.Redirected);
    }

    [TestCase("domain-template", "{{.Name}}/x", "domain template has url path: /x")]
    [TestCase("domain-template", "{{.Name}} x.{{.Domain}}", "domain template gives \"foo x.baz.com\", which is not a hostname")]
    [TestCase("domain-template", "", "empty hostname")]
    [TestCase("domain-template", "/{{.Name}}", "empty hostname")]
    [TestCase("http-protocol", "foo", "httpProtocol foo in config-network ConfigMap is not supported")]
    [TestCase("rollout-duration", "-444", "rollout-duration must be a positive integer, but was -444")]
    [TestCase("system-internal-tls", "x", "system-internal-tls with value: \"x\" in config-network ConfigMap is not supported")]
    public void Config_network_is_refused(string key, string value, string message) =>
        FluentActions
            .Invoking(() => NetworkConfigParser.Parse(new Dictionary<string, string> { [key] = value }))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage(message);

    [TestCase("tracing-protocol", "zipkin", "unsupported protocol \"zipkin\"")]
    [TestCase("metrics-protocol", "grpc", "endpoint should be set when protocol is \"grpc\"")]
    [TestCase("tracing-sampling-rate", "1.5", "sampling rate 1.500000 should be less than or equal to one")]
    public void Config_observability_is_refused(string key, string value, string message) =>
        FluentActions
            .Invoking(() => ObservabilityConfigParser.Parse(new Dictionary<string, string> { [key] = value }))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage(message);

    [TestCase("warning", "warn")]
    [TestCase("WARN", "warn")]
    [TestCase("DPanic", "dpanic")]
    public void Logging_levels_have_the_names_that_zap_takes(string name, string level) =>
        LoggingConfigParser
            .Parse(new Dictionary<string, string> { ["zap-logger-config"] = $$"""{"level":"{{name}}"}""", ["loglevel.webhook"] = name })
            .Should()
            .Match<LoggingConfig>(c => c.LevelOf("webhook") == level && c.LevelOf("controller") == level);

    [Test]
    public void Logging_levels_are_checked()
    {
        LoggingConfigParser
            .Parse(new Dictionary<string, string> { ["zap-logger-config"] = "{\"level\":\"error\"}", ["loglevel.webhook"] = "debug" })
            .Should()
            .Match<LoggingConfig>(c => c.LevelOf("webhook") == "debug" && c.LevelOf("controller") == "error");
        FluentActions
            .Invoking(() => LoggingConfigParser.Parse(new Dictionary<string, string> { ["loglevel.webhook"] = "loud" }))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage("invalid logging level: loud");
    }

    [TestCase("""{"level":"loud"}""", "zap-logger-config has the invalid logging level \"loud\"*")]
    [TestCase("""{"level":3}""", "zap-logger-config has the invalid logging level 3*")]
    [TestCase("\"debug\"", "zap-logger-config is not a JSON object")]
    public void The_logging_level_of_all_components_is_checked(string zap, string message) =>
        FluentActions
            .Invoking(() => LoggingConfigParser.Parse(new Dictionary<string, string> { ["zap-logger-config"] = zap }))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage(message);

    [TestCase("{}")]
    [TestCase("""{"level":""}""")]
    [TestCase("""{"level":null}""")]
    public void Without_a_logging_level_it_is_info(string zap) =>
        LoggingConfigParser.Parse(new Dictionary<string, string> { ["zap-logger-config"] = zap }).Level.Should().Be("info");

    [TestCase("config-logging", "loglevel.autoscalar")]
    [TestCase("config-logging", "log-level")]
    [TestCase("config-observability", "metrics.backend-destination")]
    [TestCase("config-observability", "tracing-sampling-rates")]
    public void A_key_without_effect_gets_a_warning(string map, string key) =>
        Warnings(map, key).Should().Equal($"key \"{key}\" of {map} has no effect: correct or remove it");

    [TestCase("config-logging", "loglevel.autoscaler")]
    [TestCase("config-logging", "zap-logger-config")]
    [TestCase("config-logging", "_comment")]
    [TestCase("config-observability", "logging-endpoint")]
    [TestCase("config-observability", "_comment")]
    [TestCase("config-tracing", "anything")]
    public void Others_get_none(string map, string key) => Warnings(map, key).Should().BeEmpty();

    [Test]
    public void No_known_key_gets_a_warning()
    {
        foreach (var key in ConfigKeys.All)
        {
            var map = new ConfigMap
            {
                Metadata = new() { Name = key.Map },
                Data = key.Data(key.Text),
            };
            KnownConfigMaps.Validate(map).Should().BeEmpty("{0} is documented", key);
        }
    }

    [Test]
    public void Every_component_of_the_program_is_known_to_config_logging()
    {
        string[] folders = ["Serving.Modules", "Serving.Modules/Networking"];
        var parts = folders
            .SelectMany(static folder =>
                Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories)
            )
            .Select(static file =>
                File.ReadLines(file).FirstOrDefault(static line => line.StartsWith("namespace ", StringComparison.Ordinal))
            )
            .OfType<string>()
            .Select(static line => StructuredLoggerProvider.ComponentOf(line["namespace ".Length..].TrimEnd(';') + ".Type"))
            .Where(static component => component is not ("" or "instruments" or "templates"))
            .Distinct();

        Warnings("config-logging", [.. parts.Select(static component => "loglevel." + component)]).Should().BeEmpty();
    }

    private static IReadOnlyList<string> Warnings(string map, params string[] keys) =>
        KnownConfigMaps.Validate(
            new ConfigMap
            {
                Metadata = new() { Name = map },
                Data = keys.ToDictionary(
                    static key => key,
                    static key => key.StartsWith("loglevel", StringComparison.Ordinal) ? "info" : ""
                ),
            }
        );

    [TestCase("{{.Request.Nope}}", "*can't evaluate field Nope in type http.Request")]
    [TestCase("{{.Response.Nope}}", "*can't evaluate field Nope in type http.RequestLogResponse")]
    [TestCase("{{.Revision.Nope}}", "*can't evaluate field Nope in type http.RequestLogRevision")]
    [TestCase("{{.Nope}}", "*can't evaluate field Nope*")]
    public void The_request_log_knows_no_other_members(string template, string message) =>
        FluentActions
            .Invoking(() => ObservabilityConfigParser.Parse(new Dictionary<string, string> { ["logging.request-log-template"] = template }))
            .Should()
            .Throw<ConfigMapException>()
            .WithMessage(message)
            .Which.Key.Should()
            .Be("logging.request-log-template");

    [TestCase("{{.Request.URL.Path}} {{index .Request.Header \"X-Id\"}} {{if .TraceID}}{{.TraceID}}{{end}}")]
    [TestCase("TLS: {{.Request.TLS}} {{with .Request.TLS}}{{.Version}} {{.CipherSuite}} {{.ServerName}} {{.HandshakeComplete}}{{end}}")]
    [TestCase(
        "{{.Request.Header.Get \"X-Id\"}} {{index .Request.Header \"X-Id\" 0}} {{index .Request.Header \"X-Id\"}} {{.Request.Header}}"
    )]
    [TestCase(
        "{{.Revision.Name}} {{.Revision.Namespace}} {{.Revision.Service}} {{.Revision.Configuration}} {{.Revision.PodName}} {{.Revision.PodIP}}"
    )]
    [TestCase(
        "{{.Request.Proto}} {{.Request.Host}} {{.Request.UserAgent}} {{.Request.Referer}} {{.Request.RemoteAddr}} {{.Response.Code}} {{.Response.Latency}}"
    )]
    public void The_request_log_knows_the_members_that_are_documented(string template) =>
        ObservabilityConfigParser
            .Parse(new Dictionary<string, string> { ["logging.request-log-template"] = template })
            .LoggingRequestLogTemplate.Should()
            .Be(template);
}
