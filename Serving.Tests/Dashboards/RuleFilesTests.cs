using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Yaml;
using Serving.Tests.Deploy;
using Serving.Tests.Support;

namespace Serving.Tests.Dashboards;

/// <summary>Rules, alerts and monitors for Prometheus fit each other, the install, and docs/runbooks.md.</summary>
public sealed partial class RuleFilesTests
{
    private static readonly string[] Severities = ["critical", "warning"];

    private static IEnumerable<TestCaseData> Alerts =>
        RuleFiles.Alerts.Select(static alert => new TestCaseData(alert).SetArgDisplayNames(alert["alert"]!.ToString()));

    [TestCaseSource(nameof(Alerts))]
    public void An_alert_says_how_bad_it_is_what_happened_and_what_to_do(JsonObject alert)
    {
        var name = alert["alert"]!.ToString();
        var annotations = alert["annotations"]!;

        name.Should().StartWith("Serving");
        alert["labels"]!["severity"]!.ToString().Should().BeOneOf(Severities);
        alert["for"].Should().NotBeNull();
        annotations["summary"]!.ToString().Should().NotBeEmpty().And.NotEndWith(".");
        annotations["description"]!.ToString().Should().EndWith(".");
        annotations["runbook_url"]!.ToString().Should().Be($"docs/runbooks.md#{name.ToLowerInvariant()}");
    }

    [Test]
    public void Every_alert_has_a_section_in_the_runbooks_and_every_section_an_alert()
    {
        var text = File.ReadAllText(Repository.PathOf("docs", "runbooks.md"));
        var sections = Section().Matches(text).ToDictionary(static match => match.Groups[1].Value, static match => match.Groups[2].Value);

        sections.Keys.Should().BeEquivalentTo(RuleFiles.AlertNames);
        foreach (var (name, section) in sections)
        {
            section.Should().Contain("**Look at**", name).And.Contain("**Do**", name);
        }
    }

    [Test]
    public void Rules_use_metrics_that_exist()
    {
        foreach (var rule in RuleFiles.Rules)
        {
            PromQl.MetricsOf(rule["expr"]!.ToString()).Should().NotBeEmpty().And.OnlyContain(metric => MetricNames.IsKnown(metric));
        }
    }

    [Test]
    public void Rules_select_the_metrics_of_Serving_only()
    {
        foreach (var (metric, matchers) in RuleFiles.Rules.SelectMany(static rule => PromQl.SelectorsOf(rule["expr"]!.ToString())))
        {
            matchers.Should().Contain("job=\"serving\"", metric);
        }
    }

    [Test]
    public void Rules_use_labels_that_their_metrics_have()
    {
        foreach (var expression in RuleFiles.Rules.Select(static rule => rule["expr"]!.ToString()))
        {
            var metrics = PromQl.MetricsOf(expression);
            if (metrics.All(MetricNames.IsExported))
            {
                PromQl.LabelsOf(expression).Should().BeSubsetOf(metrics.SelectMany(MetricNames.LabelsOf), expression);
            }
        }
    }

    [Test]
    public void Every_recorded_metric_is_used_by_an_alert_or_a_dashboard()
    {
        var used = RuleFiles
            .Alerts.Select(static alert => alert["expr"]!.ToString())
            .Concat(
                DashboardFiles
                    .Sources.Keys.SelectMany(static name => DashboardFiles.PanelsOf(DashboardFiles.Read(name)))
                    .SelectMany(DashboardFiles.QueriesOf)
            )
            .SelectMany(PromQl.MetricsOf)
            .ToHashSet();

        RuleFiles.Rules.Select(static rule => rule["record"]?.ToString()).OfType<string>().Should().BeSubsetOf(used);
    }

    [Test]
    public void Every_alert_has_a_unit_test_that_fires_it()
    {
        var tests = YamlDocuments.Read(File.ReadAllText(Path.Combine(RuleFiles.Folder, "tests", "alerts.yaml"))).Single();
        var fired = tests["tests"]!
            .AsArray()
            .SelectMany(static test => test!["alert_rule_test"]!.AsArray())
            .Where(static test => test!["exp_alerts"]!.AsArray().Count > 0)
            .Select(static test => test!["alertname"]!.ToString())
            .Distinct();

        fired.Should().BeEquivalentTo(RuleFiles.AlertNames);
    }

    [Test]
    [Category("Slow")]
    public async Task Promtool_accepts_the_rules_and_their_unit_tests_pass()
    {
        Prometheus.RequireTool();

        var (code, output) = await Prometheus.ToolAsync(["check", "rules", .. RuleFiles.Paths]);
        code.Should().Be(0, output);
        (code, output) = await Prometheus.ToolAsync([
            "test",
            "rules",
            .. Directory.EnumerateFiles(Path.Combine(RuleFiles.Folder, "tests")),
        ]);
        code.Should().Be(0, output);
        (code, output) = await Prometheus.ToolAsync(["check", "config", Path.Combine(RuleFiles.Folder, "local.yml")]);
        code.Should().Be(0, output);
    }

    [Test]
    public void The_ServiceMonitor_finds_the_pods_of_every_install_once()
    {
        var monitor = Monitor("ServiceMonitor");
        var endpoint = monitor["spec"]!["endpoints"]![0]!;
        var labels = Strings(monitor["spec"]!["selector"]!["matchLabels"]!);
        var services = RenderedManifest
            .Read("serving.yaml")
            .Where(item => item.Kind == "Service" && labels.All(label => item.Metadata.Labels.GetValueOrDefault(label.Key) == label.Value))
            .ToList();

        var service = services.Should().ContainSingle().Subject;
        service.Metadata.Namespace.Should().Be(monitor["spec"]!["namespaceSelector"]!["matchNames"]![0]!.ToString());
        var port = service
            .Get("spec", "ports")!
            .Value.EnumerateArray()
            .Single(one => one.GetProperty("name").GetString() == endpoint["port"]!.ToString());
        port.GetProperty("targetPort").GetInt32().Should().Be(9090);
        endpoint["scheme"]!.ToString().Should().Be("https", "the host serves metrics over TLS");
    }

    [Test]
    public void The_PodMonitor_finds_the_metrics_port_of_sidecars()
    {
        var monitor = Monitor("PodMonitor");

        monitor["spec"]!["podMetricsEndpoints"]![0]!["port"]!.ToString().Should().Be("http-usermetric");
        monitor["spec"]!["selector"]!["matchExpressions"]![0]!["key"]!.ToString().Should().Be(ServingKeys.Revision);
        ((bool)monitor["spec"]!["namespaceSelector"]!["any"]!).Should().BeTrue();
    }

    [TestCase("ServiceMonitor", "endpoints", "serving")]
    [TestCase("PodMonitor", "podMetricsEndpoints", "serving-revisions")]
    public void The_scrapes_of_the_local_cluster_get_the_labels_that_the_monitors_give(string kind, string endpoints, string job)
    {
        var wanted = Monitor(kind)["spec"]![endpoints]![0]!["relabelings"]!.AsArray();
        var local = YamlDocuments.Read(File.ReadAllText(Path.Combine(RuleFiles.Folder, "local.yml"))).Single()["scrape_configs"]!
            .AsArray()
            .Single(one => one!["job_name"]!.ToString() == job)!;

        wanted[0]!["targetLabel"]!.ToString().Should().Be("job");
        wanted[0]!["replacement"]!.ToString().Should().Be(job);
        var labels = wanted.Skip(1).Select(static one => (one!["sourceLabels"]![0]!.ToString(), one["targetLabel"]!.ToString()));
        local["relabel_configs"]!
            .AsArray()
            .Where(static one => one!["target_label"] is not null)
            .Select(static one => (one!["source_labels"]![0]!.ToString(), one["target_label"]!.ToString()))
            .Should()
            .BeEquivalentTo([
                .. labels,
                // What the operator adds by itself.
                ("__meta_kubernetes_namespace", "namespace"),
                ("__meta_kubernetes_pod_name", "pod"),
            ]);
    }

    private static JsonNode Monitor(string kind) =>
        YamlDocuments
            .Read(File.ReadAllText(Path.Combine(RuleFiles.Folder, "monitors.yaml")))
            .Single(item => item["kind"]!.ToString() == kind);

    private static Dictionary<string, string> Strings(JsonNode map) =>
        map.AsObject().ToDictionary(static entry => entry.Key, static entry => entry.Value!.ToString());

    [GeneratedRegex(@"^## (Serving\w+)\n(.*?)(?=^## |\z)", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Section();
}
