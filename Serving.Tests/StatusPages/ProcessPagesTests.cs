using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.ConfigMaps;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.StatusPages.Models;
using Serving.StatusPages.Pages;
using Serving.StatusPages.Sources;
using Serving.Tests.Support;

namespace Serving.Tests.StatusPages;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ProcessPagesTests
{
    private readonly StatusWorld _world = new();

    private ProcessBuilder Builder => new(_world.Sources, _world.Time);

    [Test]
    public void Leases_tell_who_leads_since_when()
    {
        PutLease("controller.00-of-01", "serving-0_10.0.0.1", renewedAgo: 3);
        PutLease("autoscaler.00-of-01", "serving-1_10.0.0.2", renewedAgo: 40);
        PutLease("gateway-status.00-of-01", "", renewedAgo: 3);

        var page = Builder.Leaders();

        page.Leases.Select(lease => $"{lease.Name} {lease.Status} {lease.Holder} {lease.IsOurs}")
            .Should()
            .Equal(
                "autoscaler.00-of-01 Not renewed serving-1 False",
                "controller.00-of-01 Held serving-0 True",
                "gateway-status.00-of-01 Free  False"
            );
        page.Leases[1]
            .Should()
            .BeEquivalentTo(
                new
                {
                    Address = "10.0.0.1",
                    Transitions = 2,
                    Duration = TimeSpan.FromSeconds(15),
                }
            );
    }

    [Test]
    public void A_process_without_Leases_leads_alone()
    {
        _world.Process = _world.Process with { UsesLeases = false, Leading = ["controller"] };

        Builder
            .Leaders()
            .Should()
            .BeEquivalentTo(
                new
                {
                    UsesLeases = false,
                    Leading = new[] { "controller" },
                    LeaseCount = 0,
                }
            );
    }

    [Test]
    public void Health_counts_the_uptime_and_names_what_is_not_ready()
    {
        _world.Process = _world.Process with
        {
            Started = _world.Time.GetUtcNow() - TimeSpan.FromHours(2),
            Parts = [new PartReading("caches", "not synced yet: pods", null, null), new PartReading("gateway", null, null, null)],
        };

        var page = Builder.Health();

        page.IsReady.Should().BeFalse();
        page.Uptime.Should().Be(TimeSpan.FromHours(2));
    }

    [Test]
    public void The_configuration_shows_parsed_values_defaults_and_rejections()
    {
        var cluster = new InMemoryCluster();
        using var store = new ConfigStore(
            cluster,
            new ClusterEnvironment("knative-serving", "cluster.local", "serving-0", IPAddress.Loopback),
            NullLogger<ConfigStore>.Instance,
            Substitute.For<IEventRecorder>()
        );
        Put("config-autoscaler", ("stable-window", "90s"));
        Put("config-gc", ("min-non-active-revisions", "3"), ("max-non-active-revisions", "7"), ("_example", "a long text"));
        Put("config-domain", ("example.com", ""));
        Put("config-observability", ("tracing-protocol", "grpc"), ("tracing-endpoint", "http://user:s3cr3t@collector:4317"));
        Put("config-network", ("ingress-class", "one"), ("autoTLS", "Enabled"));
        Put("config-autoscaler", ("stable-window", "1s"));
        _world.Configuration = store.States();

        var maps = Builder.Configuration().ConfigMaps.ToDictionary(map => map.Name);

        Value("config-autoscaler", "stable-window").Should().Be(new ConfigValue("stable-window", "1m30s", false));
        maps["config-autoscaler"].Rejection.Should().Contain("stable-window = 1s");
        Value("config-autoscaler", "max-scale-up-rate").Should().Be(new ConfigValue("max-scale-up-rate", "1000", true));
        Value("config-autoscaler", "enable-scale-to-zero").Should().Be(new ConfigValue("enable-scale-to-zero", "true", true));
        Value("config-gc", "max-non-active-revisions").Value.Should().Be("7");
        Value("config-gc", "retain-since-create-time").Should().Be(new ConfigValue("retain-since-create-time", "48h0m0s", true));
        maps["config-gc"].Values.Should().NotContain(value => value.Key == "_example");
        Value("config-domain", "example.com").IsDefault.Should().BeFalse();
        Value("config-observability", "tracing-endpoint").Value.Should().Be("http://[redacted]@collector:4317");
        Value("config-features", "multi-container").Should().Be(new ConfigValue("multi-container", "enabled", true));
        maps["config-logging"].Exists.Should().BeFalse();
        maps["config-deployment"].Values.Should().NotContain(value => value.Key == "progressDeadline", "it is an older spelling");
        maps.Should().HaveCountGreaterThan(10);
        var known = maps.Values.SelectMany(map => map.Values).Select(value => value.Key).ToList();
        known.Should().HaveCountGreaterThan(80);
        known.Should().OnlyContain(key => Redaction.Apply(key, "visible") == "visible", "no known key is a secret");

        ConfigValue Value(string map, string key) => maps[map].Values.Single(value => value.Key == key);

        void Put(string name, params (string Key, string Value)[] data) =>
            cluster.Put(
                Resources.ConfigMaps,
                new ConfigMap
                {
                    Metadata = new ObjectMeta { Namespace = "knative-serving", Name = name },
                    Data = data.ToDictionary(pair => pair.Key, pair => pair.Value),
                }
            );
    }

    [Test]
    public void The_configuration_begins_with_the_settings_of_the_process_without_secrets()
    {
        _world.Settings =
        [
            new ProcessSetting("--leases", "knative", "command line"),
            new ProcessSetting("--webhook-url", "https://user:s3cr3t@host", "environment: SERVING_RUN__WEBHOOKURL"),
            new ProcessSetting("--client-token", "s3cr3t", "appsettings.json"),
            new ProcessSetting("--context", "", ProcessSetting.Default),
        ];

        Builder
            .Configuration()
            .Settings.Should()
            .Equal(
                new ProcessSetting("--leases", "knative", "command line"),
                new ProcessSetting("--webhook-url", "https://[redacted]@host", "environment: SERVING_RUN__WEBHOOKURL"),
                new ProcessSetting("--client-token", "[redacted]", "appsettings.json"),
                new ProcessSetting("--context", "", ProcessSetting.Default)
            );
    }

    [TestCase("http://hello.default.example.com/a%20b", "", "hello.default.example.com", "/a b")]
    [TestCase("hello.default.example.com", "", "hello.default.example.com", "/")]
    [TestCase("https://hello.default.example.com", "/x", "hello.default.example.com", "/x")]
    public void A_pasted_URL_is_a_host_and_a_path(string text, string path, string host, string expected)
    {
        var page = (RoutesPage)new RoutesBuilder(_world).Build(text, path);

        page.Should().BeEquivalentTo(new { Host = host, Path = expected });
        page.Unknown.Should().Contain("runs no gateway");
    }

    private void PutLease(string name, string holder, int renewedAgo) =>
        _world.Caches.Put(
            new Lease
            {
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = name },
                Spec = new LeaseSpec
                {
                    HolderIdentity = holder,
                    LeaseDurationSeconds = 15,
                    AcquireTime = _world.Time.GetUtcNow() - TimeSpan.FromHours(1),
                    RenewTime = _world.Time.GetUtcNow() - TimeSpan.FromSeconds(renewedAgo),
                    LeaseTransitions = 2,
                },
            }
        );
}
