using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Cluster;

namespace Serving.Tests.Dashboards;

/// <summary>
/// A real Prometheus scrapes real processes under load, by the shipped configuration and rules: every query of every dashboard and rule
/// returns data, alerts fire when something is wrong and not otherwise.
/// </summary>
[Category("Slow")]
public sealed class PrometheusTests
{
    /// <summary>Set to 1, the dashboards are drawn into docs/images/dashboards.</summary>
    private const string DrawVariable = "SERVING_DRAW_DASHBOARDS";

    /// <summary>The alerts whose cause the scenario has. Each of the others has a unit test of promtool.</summary>
    private static readonly string[] Provoked =
    [
        "ServingApiUnreachable",
        "ServingCannotScale",
        "ServingConfigInvalid",
        "ServingGatewayErrors",
        "ServingLeaderMissing",
        "ServingTargetDown",
    ];

    /// <summary>Alerts of which the scenario has no cause, nor anything that is like one.</summary>
    private static readonly string[] Foreign =
    [
        "ServingActivatorQueueFull",
        "ServingApiThrottled",
        "ServingCertificateExpiresSoon",
        "ServingColdStartsSlow",
        "ServingMemoryNearLimit",
        "ServingModuleFailing",
        "ServingQueueBacklog",
        "ServingReconcilerStuck",
    ];

    /// <summary>Metrics that need a trouble that the scenario does not have, and which.</summary>
    private static readonly Dictionary<string, string> NotProvoked = new()
    {
        ["serving_telemetry_export_failures_total"] = "a collector",
        ["serving_metrics_overflowed_total"] = "twenty thousand series",
        ["serving_informer_relists_total"] = "a watch that cannot be resumed",
        ["serving_autoscaler_wakes_total"] = "a Revision with reserve-scale",
        ["serving_autoscaler_resize_refused_total"] = "a Revision with reserve-scale",
        ["serving_autoscaler_pods_parked"] = "a Revision with reserve-scale",
        ["serving_autoscaler_pods_finishing"] = "a Revision with max-requests-per-pod",
        ["revision:serving_autoscaler_pods_finishing:max"] = "a Revision with max-requests-per-pod",
        ["serving_autoscaler_pods_replaced_total"] = "a Revision with max-requests-per-pod",
        ["serving_autoscaler_pods_replace_failures_total"] = "a Revision with max-requests-per-pod",
        ["serving_autoscaler_deletion_costs_total"] = "a scale-down of busy and idle pods",
        ["serving_controller_image_pulls_total"] = "a Revision with prepull",
        ["serving_autoscaler_resize_duration_seconds_bucket"] = "a Revision with reserve-scale",
        ["apiserver_admission_webhook_rejection_count"] = "an API server of Kubernetes",
    };

    private ObservedCluster? _cluster;

    private static IEnumerable<string> Names => DashboardFiles.Sources.Keys;

    private Prometheus Prometheus => _cluster!.Prometheus;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        TestCluster.NeedsLocalCluster("this kills processes of this machine");
        Prometheus.Require();
        _cluster = await ObservedCluster.RunAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    [TestCaseSource(nameof(Names))]
    public async Task Every_query_of_a_dashboard_returns_data(string name)
    {
        var missing = new List<string>();
        var dashboard = DashboardFiles.Read(name);
        foreach (var panel in DashboardFiles.PanelsOf(dashboard))
        {
            foreach (var target in panel["targets"]!.AsArray())
            {
                var query = target!["expr"]!.ToString();
                var series = await ReadAsync(target);
                if (!series.Any(static one => one.HasNumber) && !NeedsMore(query))
                {
                    missing.Add($"{panel["title"]}: {query}");
                }

                if (panel["type"]!.ToString() == "table")
                {
                    // Grafana shows each label as a column.
                    series.Should().OnlyContain(one => one.Labels.Keys.All(label => Columns(panel).Contains(label)), query);
                }
            }
        }

        missing.Should().BeEmpty();
    }

    [TestCaseSource(nameof(Names))]
    public async Task Every_variable_of_a_dashboard_has_values(string name)
    {
        foreach (var query in DashboardFiles.VariableQueriesOf(DashboardFiles.Read(name)))
        {
            var comma = query.LastIndexOf(',');
            var (series, label) = (query["label_values(".Length..comma], query[(comma + 1)..^1].Trim());

            var selector = PromQl.Substituted(series, ObservedCluster.Interval, ObservedCluster.Interval);
            var values = await Prometheus.AskAsync($"/api/v1/label/{label}/values?match[]={Uri.EscapeDataString(selector)}");

            values.AsArray().Should().NotBeEmpty(query);
        }
    }

    [Test]
    public async Task Every_rule_is_evaluated_and_what_is_recorded_has_values()
    {
        var groups = (await Prometheus.AskAsync("/api/v1/rules"))["groups"]!.AsArray();
        var rules = groups.SelectMany(static group => group!["rules"]!.AsArray()).ToList();

        rules.Should().HaveCount(RuleFiles.Rules.Count).And.OnlyContain(static rule => rule!["health"]!.ToString() == "ok");
        foreach (
            var recorded in RuleFiles
                .Rules.Select(static rule => rule["record"]?.ToString())
                .OfType<string>()
                .Where(static name => !NotProvoked.ContainsKey(name))
        )
        {
            var series = await Prometheus.QueryAsync(recorded, _cluster!.Time.From, _cluster.Time.To, TimeSpan.FromSeconds(1));
            series.Should().Contain(static one => one.HasNumber, recorded);
        }
    }

    [Test]
    public async Task Every_metric_of_a_rule_is_exported()
    {
        var missing = new List<string>();
        foreach (var metric in RuleFiles.Rules.SelectMany(static rule => PromQl.MetricsOf(rule["expr"]!.ToString())).Distinct())
        {
            if (
                MetricNames.IsExported(metric)
                && !NotProvoked.ContainsKey(metric)
                && (await Prometheus.QueryAsync($"max_over_time({metric}[10m])")).Count == 0
            )
            {
                missing.Add(metric);
            }
        }

        missing.Should().BeEmpty();
    }

    [Test]
    public void Every_query_is_valid_before_there_is_a_Service() => _cluster!.NotNumbersWhenEmpty.Should().BeEmpty();

    [Test]
    public void No_panel_shows_what_is_not_a_number_after_the_requests() => _cluster!.NotNumbersInQuiet.Should().BeEmpty();

    [Test]
    public void No_alert_fires_while_nothing_is_wrong() => _cluster!.FiredInCalm.Should().BeEmpty();

    [Test]
    public void An_alert_fires_when_what_it_is_for_happens()
    {
        TestContext.Out.WriteLine($"fired: {string.Join(", ", _cluster!.Fired)}");

        _cluster.Fired.Should().Contain(Provoked);
    }

    [Test]
    public void An_alert_does_not_fire_when_something_else_happens()
    {
        RuleFiles.AlertNames.Should().Contain([.. Foreign, .. Provoked]);
        _cluster!.Fired.Should().NotIntersectWith(Foreign);
    }

    [Test]
    public async Task Sidecars_are_scraped_and_their_metrics_name_the_Revision()
    {
        var series = await Prometheus.QueryAsync(
            "max_over_time(http_server_request_duration_seconds_count{job=\"serving-revisions\"}[10m])"
        );

        series.Select(static one => one.Labels["kn_service_name"]).Distinct().Should().Contain(["steady", "busy", "narrow", "sleeping"]);
        series.Should().OnlyContain(static one => one.Labels["kn_revision_name"].StartsWith(one.Labels["kn_service_name"]));
        series
            .Should()
            .OnlyContain(static one => one.Labels["job"] == "serving-revisions" && one.Labels["k8s_namespace_name"] == "default");
    }

    [TestCaseSource(nameof(Names))]
    public async Task Draws_a_dashboard(string name)
    {
        if (Environment.GetEnvironmentVariable(DrawVariable) != "1")
        {
            Assert.Ignore($"{DrawVariable} is not 1");
        }

        var dashboard = DashboardFiles.Read(name);
        var drawing = new DashboardDrawing(dashboard, _cluster!.Time, ObservedCluster.Interval);
        foreach (var panel in DashboardFiles.PanelsOf(dashboard))
        {
            var results = new List<(JsonNode Target, IReadOnlyList<PrometheusSeries> Series)>();
            foreach (var target in panel["targets"]!.AsArray())
            {
                results.Add((target!, await ReadAsync(target!)));
            }

            drawing.Add(panel, results);
        }

        await drawing.SaveAsync(DashboardDrawing.PathOf(name));
    }

    private static HashSet<string> Columns(JsonObject panel) =>
        panel["transformations"]![1]!["options"]!["renameByName"]!.AsObject().Select(static name => name.Key).ToHashSet();

    private static bool NeedsMore(string query) => PromQl.MetricsOf(query).Any(NotProvoked.ContainsKey);

    /// <summary>What Grafana would read for a target: a moment, or a range. Intervals in which events are counted do not overlap.</summary>
    private Task<IReadOnlyList<PrometheusSeries>> ReadAsync(JsonNode target)
    {
        var (from, to) = _cluster!.Time;
        var expression = target["expr"]!.ToString();
        var query = PromQl.Substituted(expression, ObservedCluster.Interval, to - from);
        return (bool)target["instant"]!
            ? Prometheus.QueryAsync(query, to, to, TimeSpan.FromSeconds(1))
            : Prometheus.QueryAsync(
                query,
                from,
                to,
                expression.Contains("$__interval", StringComparison.Ordinal) ? ObservedCluster.Interval : TimeSpan.FromSeconds(1)
            );
    }
}
