using System.Diagnostics.Metrics;
using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.ConfigMaps;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Observability.Metrics;
using Serving.Tests.Support;

namespace Serving.Tests.ConfigMaps;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ConfigStoreTests
{
    private readonly InMemoryCluster _cluster = new();
    private readonly IEventRecorder _events = Substitute.For<IEventRecorder>();

    [Test]
    public void Follows_a_ConfigMap()
    {
        using var store = NewStore();
        var changes = new List<(ConfigSnapshot Old, ConfigSnapshot New)>();
        store.Changed += (old, newer) => changes.Add((old, newer));
        Put("config-autoscaler", ("stable-window", "30s"));
        store.Current.Autoscaler.StableWindow.Should().Be(TimeSpan.FromSeconds(30));
        changes.Should().ContainSingle().Which.Old.Autoscaler.StableWindow.Should().Be(TimeSpan.FromSeconds(60));
    }

    [Test]
    public void Keeps_the_last_good_values_when_a_bad_one_gets_in_and_says_so()
    {
        using var store = NewStore();
        Put("config-autoscaler", ("stable-window", "30s"));
        Put("config-autoscaler", ("stable-window", "1s"));
        store.Current.Autoscaler.StableWindow.Should().Be(TimeSpan.FromSeconds(30));
        _events
            .Received(1)
            .Warning(
                Arg.Is<IKubernetesObject>(o => o.Metadata.Name == "config-autoscaler"),
                "InvalidConfiguration",
                Arg.Is<string>(m => m.Contains("stable-window = 1s"))
            );
        Put("config-autoscaler", ("stable-window", "20s"));
        store.Current.Autoscaler.StableWindow.Should().Be(TimeSpan.FromSeconds(20));
    }

    [Test]
    public void A_key_without_effect_is_reported_on_the_ConfigMap_whose_other_keys_are_in_use()
    {
        using var store = NewStore();
        Put("config-logging", ("loglevel.webhook", "debug"), ("loglevel.autoscalar", "debug"));
        store.Current.Logging.LevelOf("webhook").Should().Be("debug");
        _events
            .Received(1)
            .Warning(
                Arg.Is<IKubernetesObject>(o => o.Metadata.Name == "config-logging"),
                "UnusedConfiguration",
                "key \"loglevel.autoscalar\" of config-logging has no effect: correct or remove it"
            );
    }

    [Test]
    public async Task Tells_which_ConfigMaps_are_not_in_use_as_they_are_in_the_cluster()
    {
        using var store = NewStore();
        using var collected = new CollectedMetrics(ConfigMetrics.MeterName);
        const string Of = "serving.config.invalid{name=config-autoscaler}";
        Put("config-autoscaler", ("stable-window", "1s"));
        collected.Collect().Should().Contain(Of, 1);

        Put("config-autoscaler", ("stable-window", "20s"));
        collected.Collect().Should().Contain(Of, 0);

        await _cluster.DeleteAsync(Resources.ConfigMaps, "knative-serving", "config-autoscaler", default);
        collected.Collect().Should().NotContainKey(Of);
    }

    [Test]
    public void What_it_refuses_is_0_for_each_ConfigMap_before_the_first_refusal()
    {
        using var exporter = new PrometheusExporter(ConfigMetrics.MeterName);
        using var store = NewStore();

        Put("config-autoscaler", ("stable-window", "20s"));

        exporter.Render().Split('\n').Should().Contain("serving_config_rejected_total{name=\"config-autoscaler\"} 0");
    }

    [Test]
    public void Counts_what_it_refuses_by_name()
    {
        var refused = new List<string?>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Name == "serving.config.rejected")
                    self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>(
            (_, count, tags, _) =>
            {
                for (var i = 0; i < count; i++)
                    refused.Add((string?)tags.ToArray().Single(tag => tag.Key == "name").Value);
            }
        );
        listener.Start();
        using var store = NewStore();

        Put("config-gc", ("min-non-active-revisions", "-1"));
        Put("config-gc", ("min-non-active-revisions", "1"));
        Put("config-network", ("domain-template", "{{.Nope}}"));

        refused.Should().Equal("config-gc", "config-network");
    }

    [Test]
    public void Survives_what_would_have_ended_the_process()
    {
        using var store = NewStore();
        Put("config-network", ("domain-template", "{{.Name}}.x.{{.Domain}}"));
        Put("config-network", ("domain-template", "{{" + new string('(', 100_000)));
        Put("config-domain", ("example.com", new string('[', 500_000)));
        Put("config-domain", ("example.com", "selector: {!!str a: x, a: y}"));
        store.Current.Network.DomainTemplate.Should().Be("{{.Name}}.x.{{.Domain}}");
        _events.Received(3).Warning(Arg.Any<IKubernetesObject>(), "InvalidConfiguration", Arg.Any<string>());
    }

    [Test]
    public void Names_the_cluster_in_the_default_domain()
    {
        using var store = NewStore();
        store.Current.Domain.LookupDomainForLabels(Empty.Map).Should().Be("svc.corp.local");
    }

    [Test]
    public void Leaves_other_ConfigMaps_and_namespaces_alone()
    {
        using var store = NewStore();
        Put("kube-root-ca.crt", ("stable-window", "x"));
        _cluster.Put(Resources.ConfigMaps, Map("elsewhere", "config-autoscaler", ("stable-window", "30s")));
        store.Current.Autoscaler.StableWindow.Should().Be(TimeSpan.FromSeconds(60));
    }

    private ConfigStore NewStore() =>
        new(
            _cluster,
            new ClusterEnvironment("knative-serving", "corp.local", "pod", IPAddress.Loopback),
            NullLogger<ConfigStore>.Instance,
            _events
        );

    private void Put(string name, params (string Key, string Value)[] data) =>
        _cluster.Put(Resources.ConfigMaps, Map("knative-serving", name, data));

    private static ConfigMap Map(string ns, string name, params (string Key, string Value)[] data) =>
        new()
        {
            ApiVersion = "v1",
            Kind = "ConfigMap",
            Metadata = new ObjectMeta { Namespace = ns, Name = name },
            Data = data.ToDictionary(d => d.Key, d => d.Value),
        };
}
