using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentAssertions;
using NUnit.Framework;
using Serving.Kubernetes.Yaml;
using Serving.Tests.Support;

namespace Serving.Tests.Dashboards;

/// <summary>The dashboards are made from their sources, and each panel says what it shows, in which unit, and why it may be
/// empty.</summary>
public sealed partial class DashboardFilesTests
{
    /// <summary>A ConfigMap is applied with all of it in an annotation, which may have 256 KiB.</summary>
    private const int MaxBytes = 200_000;

    private const int MaxPictureBytes = 150_000;

    private static readonly string[] Windows = ["__rate_interval", "__range", "__interval"];
    private static readonly string[] OfSidecars = ["job=\"serving-revisions\""];
    private static readonly string[] Jobs = ["job=\"serving\"", .. OfSidecars];

    /// <summary>Labels with names of objects, which are unique in a namespace.</summary>
    private static readonly string[] Namespaced = ["kn_service_name", "kn_configuration_name", "kn_revision_name", "kn_route_name"];

    private static IEnumerable<string> Names => DashboardFiles.Sources.Keys;

    private static IEnumerable<TestCaseData> Panels =>
        Names.SelectMany(static name =>
            DashboardFiles
                .PanelsOf(DashboardFiles.Read(name))
                .Select(panel => new TestCaseData(name, panel).SetArgDisplayNames(name, panel["title"]!.ToString()))
        );

    [TestCaseSource(nameof(Names))]
    public async Task A_file_is_what_its_source_says(string name)
    {
        var expected = DashboardFiles.Expected(name);
        if (Environment.GetEnvironmentVariable(DashboardFiles.UpdateVariable) == "1")
        {
            await File.WriteAllTextAsync(DashboardFiles.PathOf(name), expected);
        }

        (await File.ReadAllTextAsync(DashboardFiles.PathOf(name)))
            .Should()
            .Be(
                expected,
                "after a change in deploy/grafana/source run this test with {0}=1, then deploy/render",
                DashboardFiles.UpdateVariable
            );
        expected.Length.Should().BeLessThan(MaxBytes);
    }

    [Test]
    public void Every_source_is_a_dashboard_and_every_dashboard_is_in_the_ConfigMaps()
    {
        DashboardFiles.SourceNames.Should().BeEquivalentTo(Names);
        var files = Names.Select(static name => $"dashboards/serving-{name}.json").ToList();
        Directory
            .EnumerateFiles(Repository.PathOf("deploy", "grafana", "dashboards"))
            .Select(static path => $"dashboards/{Path.GetFileName(path)}")
            .Should()
            .BeEquivalentTo(files);
        var maps = YamlDocuments
            .Read(File.ReadAllText(Repository.PathOf("deploy", "grafana.yaml")))
            .Where(static map => map["metadata"]!["labels"]!["grafana_dashboard"]?.ToString() == "1")
            .ToDictionary(
                static map => map["data"]!.AsObject().Single().Key,
                static map => map["data"]!.AsObject().Single().Value!.ToString()
            );
        maps.Keys.Select(static key => $"dashboards/{key}").Should().BeEquivalentTo(files);
        foreach (var name in Names)
        {
            maps[$"serving-{name}.json"].Should().Be(File.ReadAllText(DashboardFiles.PathOf(name)), "run deploy/render");
        }
    }

    [TestCaseSource(nameof(Names))]
    public void It_has_a_stable_id_the_current_form_and_its_data_source_in_a_variable(string name)
    {
        var dashboard = DashboardFiles.Read(name);

        dashboard["uid"]!.ToString().Should().Be($"serving-{name}");
        ((int)dashboard["schemaVersion"]!).Should().Be(DashboardJson.SchemaVersion);
        dashboard["description"]!.ToString().Should().EndWith(".");
        dashboard["templating"]!["list"]![0]!["type"]!.ToString().Should().Be("datasource");
        DataSource()
            .Matches(dashboard.ToJsonString())
            .Select(static match => match.Groups[1].Value)
            .Should()
            .OnlyContain(static uid => uid == "${datasource}");
    }

    [TestCaseSource(nameof(Panels))]
    public void A_panel_has_a_unit_a_description_thresholds_and_a_text_for_no_data(string name, JsonObject panel)
    {
        var defaults = panel["fieldConfig"]!["defaults"]!;

        panel["description"]!.ToString().Should().MatchRegex(@"^\S.{15,}\.$", name);
        defaults["unit"]!.ToString().Should().NotBeEmpty();
        defaults["noValue"]!.ToString().Should().NotBeEmpty().And.NotEndWith(".");
        var steps = defaults["thresholds"]!["steps"]!.AsArray();
        steps[0]!["value"].Should().BeNull("the first colour holds for all values below the next");
        steps.Skip(1).Select(static step => (double)step!["value"]!).Should().BeInAscendingOrder();
        if (panel["type"]!.ToString() is "stat" or "bargauge" or "state-timeline" && steps[0]!["color"]!.ToString() != "blue")
        {
            steps.Should().HaveCountGreaterThan(1, "a value with a colour that never changes is marked neutral");
        }
    }

    [TestCaseSource(nameof(Panels))]
    public void A_panel_has_queries_with_known_metrics_and_windows_that_follow_the_scrape_interval(string name, JsonObject panel)
    {
        var queries = DashboardFiles.QueriesOf(panel).ToList();

        queries.Should().NotBeEmpty(name);
        foreach (var query in queries)
        {
            PromQl.MetricsOf(query).Should().NotBeEmpty().And.OnlyContain(metric => MetricNames.IsKnown(metric), query);
            Window()
                .Matches(query)
                .Select(static match => match.Groups[1].Value)
                .Where(static window => window != "1h" && !Windows.Contains(window.TrimStart('$')))
                .Should()
                .BeEmpty(query);
        }
    }

    [TestCaseSource(nameof(Panels))]
    public void A_panel_uses_labels_that_its_metrics_have(string name, JsonObject panel)
    {
        foreach (var query in DashboardFiles.QueriesOf(panel).Where(static query => PromQl.MetricsOf(query).All(MetricNames.IsExported)))
        {
            PromQl.LabelsOf(query).Should().BeSubsetOf(PromQl.MetricsOf(query).SelectMany(MetricNames.LabelsOf), $"{name}: {query}");
        }
    }

    [TestCaseSource(nameof(Panels))]
    public void A_panel_selects_the_metrics_of_one_job(string name, JsonObject panel)
    {
        foreach (var (metric, matchers) in DashboardFiles.QueriesOf(panel).SelectMany(PromQl.SelectorsOf))
        {
            var jobs = metric.StartsWith("kn_serving_", StringComparison.Ordinal) ? OfSidecars : Jobs;
            jobs.Should().Contain(job => matchers.Contains(job, StringComparison.Ordinal), $"{name}: {metric}{{{matchers}}}");
        }
    }

    [TestCaseSource(nameof(Panels))]
    public void A_panel_does_not_mix_what_has_the_same_name_in_two_namespaces(string name, JsonObject panel)
    {
        foreach (var target in panel["targets"]!.AsArray())
        {
            PromQl
                .GroupsOf(target!["expr"]!.ToString())
                .Where(static group => group.Overlaps(Namespaced) && !group.Contains("k8s_namespace_name"))
                .Should()
                .BeEmpty($"{name}: {target["expr"]}");
            var legend = target["legendFormat"]!.ToString();
            if (Namespaced.Any(label => legend.Contains(label, StringComparison.Ordinal)))
            {
                legend.Should().StartWith("{{k8s_namespace_name}}/", name);
            }
        }
    }

    [TestCaseSource(nameof(Panels))]
    public void A_panel_of_single_values_does_not_show_what_is_not_a_number(string name, JsonObject panel)
    {
        if (panel["type"]!.ToString() is not ("stat" or "table" or "bargauge"))
        {
            return;
        }

        foreach (var query in DashboardFiles.QueriesOf(panel).Where(static query => Quotient().IsMatch(query)))
        {
            query.TrimEnd(')').Should().EndWith(">= 0", "without requests, 0 / 0 is none ({0}: {1})", name, panel["title"]);
        }
    }

    [TestCaseSource(nameof(Panels))]
    public void A_table_shows_nothing_where_a_row_has_no_value(string name, JsonObject panel)
    {
        if (panel["type"]!.ToString() == "table")
        {
            var texts = panel["fieldConfig"]!["overrides"]!
                .AsArray()
                .Where(static one => one!["properties"]!.AsArray().Any(static property => property!["id"]!.ToString() == "noValue"))
                .Select(static one => one!["matcher"]!["options"]!.ToString());

            texts.Should().BeEquivalentTo(panel["targets"]!.AsArray().Select(static one => one!["legendFormat"]!.ToString()), name);
        }
    }

    [TestCaseSource(nameof(Panels))]
    public void A_panel_that_counts_events_has_an_interval_with_a_scrape(string name, JsonObject panel) =>
        panel["interval"]
            ?.ToString()
            .Should()
            .Be(DashboardFiles.QueriesOf(panel).Any(static query => query.Contains("$__interval]")) ? "2m" : null, name);

    [TestCaseSource(nameof(Names))]
    public void Every_variable_is_used_and_every_used_one_exists(string name)
    {
        var dashboard = DashboardFiles.Read(name);
        var defined = dashboard["templating"]!["list"]!
            .AsArray()
            .ToLookup(static one => (int)one!["hide"]! == 0, static one => one!["name"]!.ToString());
        var queries = DashboardFiles.PanelsOf(dashboard).SelectMany(DashboardFiles.QueriesOf).ToList();

        queries
            .Concat(DashboardFiles.VariableQueriesOf(dashboard))
            .SelectMany(PromQl.VariablesOf)
            .Distinct()
            .Should()
            .BeSubsetOf(defined[true].Concat(defined[false]));
        defined[true].Should().BeEquivalentTo([.. queries.SelectMany(PromQl.VariablesOf).Distinct(), "datasource"]);
    }

    [TestCaseSource(nameof(Names))]
    public void Every_dashboard_keeps_what_was_chosen_on_another(string name) =>
        DashboardFiles.Read(name)["templating"]!["list"]!
            .AsArray()
            .Select(static one => one!["name"]!.ToString())
            .Should()
            .Contain(["namespace", "service", "revision"]);

    [TestCaseSource(nameof(Names))]
    public void Panels_do_not_overlap_and_stay_on_the_grid(string name)
    {
        var taken = new Dictionary<(int X, int Y), string>();
        foreach (var panel in DashboardFiles.Read(name)["panels"]!.AsArray())
        {
            var grid = panel!["gridPos"]!;
            var (x, y, width, height) = ((int)grid["x"]!, (int)grid["y"]!, (int)grid["w"]!, (int)grid["h"]!);
            (x + width).Should().BeLessThanOrEqualTo(24, "{0}", panel["title"]);
            foreach (var cell in Enumerable.Range(x, width).SelectMany(column => Enumerable.Range(y, height).Select(row => (column, row))))
            {
                taken.TryAdd(cell, panel["title"]!.ToString()).Should().BeTrue("{0} and {1} overlap", panel["title"], taken[cell]);
            }
        }

        var ids = DashboardFiles.Read(name)["panels"]!.AsArray().Select(static panel => (int)panel!["id"]!);
        ids.Should().OnlyHaveUniqueItems();
    }

    [Test]
    public void Links_lead_to_dashboards_and_every_dashboard_links_to_all_others()
    {
        var ids = Names.Select(static name => $"serving-{name}").ToList();
        foreach (var name in Names)
        {
            var dashboard = DashboardFiles.Read(name);
            LinkTarget().Matches(dashboard.ToJsonString()).Select(static match => match.Groups[1].Value).Should().BeSubsetOf(ids);
            dashboard["links"]!
                .AsArray()
                .Select(static link => link!["url"]!.ToString())
                .Should()
                .BeEquivalentTo(ids.Where(id => id != $"serving-{name}").Select(static id => $"/d/{id}"));
        }
    }

    [TestCaseSource(nameof(Names))]
    public void It_has_a_small_picture_in_the_documentation(string name)
    {
        File.ReadAllText(Repository.PathOf("docs", "dashboards.md")).Should().Contain($"(images/dashboards/{name}.png)");
        new FileInfo(DashboardDrawing.PathOf(name)).Length.Should().BeLessThan(MaxPictureBytes);
    }

    [TestCase("sum by (le) (rate(a_bucket{x=~\"b|c\"}[$__rate_interval]))", ExpectedResult = "a_bucket")]
    [TestCase("a:b:c / on (x) group_left () d > 0 or vector(0)", ExpectedResult = "a:b:c d")]
    [TestCase("((a{b=\"}\"} unless a{b=\"}\"} offset $__range) or increase(a{b=\"}\"}[1h]))", ExpectedResult = "a")]
    public string Finds_metrics_in_an_expression(string expression) =>
        string.Join(' ', PromQl.MetricsOf(expression).Order(StringComparer.Ordinal));

    [TestCase("sum by (le, a) (rate(b{c=\"1\",d=~\"2,e=3\"}[1m])) / on (f) g", ExpectedResult = "a c d f le")]
    public string Finds_labels_in_an_expression(string expression) =>
        string.Join(' ', PromQl.LabelsOf(expression).Order(StringComparer.Ordinal));

    [TestCase("sum(kn_workqueue_depth)", ExpectedResult = "sum(kn_workqueue_depth{job=\"serving\"})")]
    [TestCase(
        "sum by (kn_revision_name) (kn_serving_queue_depth{job=\"serving-revisions\"} > up)",
        ExpectedResult = "sum by (kn_revision_name) (kn_serving_queue_depth{job=\"serving-revisions\"} > up)"
    )]
    [TestCase("kn_activator_pods{%ns}", ExpectedResult = "kn_activator_pods{job=\"serving\",k8s_namespace_name=~\"$namespace\"}")]
    public string A_metric_of_ours_without_a_job_is_one_of_the_host(string expression) => DashboardSource.Expand(expression);

    [Test]
    public void A_time_whose_seconds_are_not_known_is_refused()
    {
        var expand = () => DashboardSource.Expand("%inc(serving_revision_cold_starts_total, $__rate_interval)");

        expand.Should().Throw<FormatException>().WithMessage("the time $__rate_interval of %inc is not one of 1h, $__range");
    }

    [Test]
    public void A_key_that_does_not_exist_is_named()
    {
        var source = File.ReadAllText(DashboardFiles.SourceOf("gateway"))
            .Replace("    width: 8\n", "    widht: 8\n", StringComparison.Ordinal);

        var read = () => DashboardSource.Read(source);

        read.Should().Throw<FormatException>().WithMessage("the panel \"Requests by process\" has the unknown key widht");
    }

    [GeneratedRegex("\"type\":\"prometheus\",\"uid\":\"([^\"]*)\"")]
    private static partial Regex DataSource();

    [GeneratedRegex(@"\[([^\]]+)\]")]
    private static partial Regex Window();

    [GeneratedRegex(@"histogram_quantile|\) */ ")]
    private static partial Regex Quotient();

    [GeneratedRegex("\"/d/([\\w-]+)")]
    private static partial Regex LinkTarget();
}
