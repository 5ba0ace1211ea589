using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using FluentAssertions;
using Serving.Api;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Manifests;
using Serving.Tests.Cluster.Failover;
using Serving.Tests.Support;

namespace Serving.Tests.Dashboards;

/// <summary>
/// Three hosts that a Prometheus scrapes by the shipped configuration, with everything that dashboards and alerts are for: load, cold
/// starts, a rollout, errors, a refused write, an invalid ConfigMap, a process without API server, pods that the node does not take, and
/// a killed leader. Times of the rules are shortened.
/// </summary>
internal sealed partial class ObservedCluster : IAsyncDisposable
{
    /// <summary>The windows of rules and rates, and the interval in which events are counted.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private const int Rate = 60;
    private const string Controller = "controller.00-of-01";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(45);
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan Troubles = TimeSpan.FromSeconds(8);

    /// <summary>Until the windows contain no request any more, and some scrapes.</summary>
    private static readonly TimeSpan Quiet = Interval + TimeSpan.FromSeconds(4);

    /// <summary>Services whose pods are killed.</summary>
    private static readonly (string Name, int BurstCapacity)[] Fragile = [("direct", 0), ("guarded", -1)];

    private readonly ThreeHosts _hosts;
    private readonly string _directory;
    private readonly List<HttpClient> _clients = [];

    private ObservedCluster(ThreeHosts hosts, string directory, Prometheus prometheus)
    {
        (_hosts, _directory, Prometheus) = (hosts, directory, prometheus);
        _clients.AddRange(hosts.Hosts.Select(static host => ClientOf(host)));
    }

    /// <summary>The Prometheus.</summary>
    public Prometheus Prometheus { get; }

    /// <summary>When the scenario began, and when it ended.</summary>
    public (DateTimeOffset From, DateTimeOffset To) Time { get; private set; }

    /// <summary>The alerts that fired while nothing was wrong.</summary>
    public IReadOnlyList<string> FiredInCalm { get; private set; } = [];

    /// <summary>The panels that showed what is not a number before there was a Service.</summary>
    public IReadOnlyList<string> NotNumbersWhenEmpty { get; private set; } = [];

    /// <summary>The panels that showed it after the last request.</summary>
    public IReadOnlyList<string> NotNumbersInQuiet { get; private set; } = [];

    /// <summary>The alerts that fired in the whole run.</summary>
    public IReadOnlyList<string> Fired { get; private set; } = [];

    /// <summary>Starts everything, and goes through the scenario.</summary>
    public static async Task<ObservedCluster> RunAsync()
    {
        var directory = Directory.CreateTempSubdirectory("serving-prometheus-").FullName;
        var hosts = await ThreeHosts.StartAsync();
        ObservedCluster? cluster = null;
        try
        {
            var prometheus = await Prometheus.StartAsync(Configure(directory, hosts.DataDirectory), Path.Combine(directory, "data"));
            cluster = new ObservedCluster(hosts, directory, prometheus);
            await cluster.GoThroughAsync();
            return cluster;
        }
        catch
        {
            await (cluster?.DisposeAsync() ?? hosts.DisposeAsync());
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Prometheus.DisposeAsync();
        _clients.ForEach(static client => client.Dispose());
        await _hosts.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Writes the shipped configuration and rules with the targets of this cluster and short times.</summary>
    private static string Configure(string directory, string data)
    {
        Directory.CreateDirectory(Path.Combine(directory, "rules"));
        foreach (var path in RuleFiles.Paths)
        {
            var text = File.ReadAllText(path).Replace("interval: 30s", "interval: 1s", StringComparison.Ordinal);
            text = Window().Replace(For().Replace(text, "for: 0s"), "[10s]");
            text = Offset().Replace(text, "offset 10s").Replace("< 1800", "< 10", StringComparison.Ordinal);
            File.WriteAllText(Path.Combine(directory, "rules", Path.GetFileName(path)), text);
        }

        const string Targets = "../../.serving/prometheus-targets.json";
        var shipped = File.ReadAllText(Path.Combine(RuleFiles.Folder, "local.yml"));
        shipped.Should().Contain(Targets).And.Contain("interval: 5s");
        var config = Path.Combine(directory, "prometheus.yml");
        File.WriteAllText(
            config,
            shipped
                .Replace(Targets, Path.Combine(data, "prometheus-targets.json"), StringComparison.Ordinal)
                .Replace("interval: 5s", "interval: 1s", StringComparison.Ordinal)
        );
        return config;
    }

    private async Task GoThroughAsync()
    {
        await ScrapedAsync();
        NotNumbersWhenEmpty = await NotNumbersAsync();
        await Task.WhenAll([
            CreateAsync("steady", "helloworld", "autoscaling.knative.dev/min-scale: \"1\"", "autoscaling.knative.dev/max-scale: \"1\""),
            CreateAsync("sleeping", "helloworld", "autoscaling.knative.dev/initial-scale: \"0\""),
            CreateAsync("drowsy", "helloworld", "autoscaling.knative.dev/initial-scale: \"0\""),
            CreateAsync(
                "busy",
                "autoscale",
                "autoscaling.knative.dev/target: \"2\"",
                "autoscaling.knative.dev/min-scale: \"1\"",
                "autoscaling.knative.dev/max-scale: \"3\""
            ),
            CreateAsync(
                "counted",
                "autoscale",
                "autoscaling.knative.dev/metric: rps",
                "autoscaling.knative.dev/target: \"5\"",
                "autoscaling.knative.dev/min-scale: \"1\"",
                "autoscaling.knative.dev/max-scale: \"2\""
            ),
            CreateAsync(
                "narrow",
                "autoscale",
                "autoscaling.knative.dev/target-burst-capacity: \"0\"",
                "autoscaling.knative.dev/min-scale: \"1\"",
                "autoscaling.knative.dev/max-scale: \"1\""
            ),
            CreateAsync(
                "starved",
                "autoscale",
                "autoscaling.knative.dev/target: \"1\"",
                "autoscaling.knative.dev/min-scale: \"1\"",
                "autoscaling.knative.dev/max-scale: \"3\""
            ),
            .. Fragile.Select(one =>
                CreateAsync(
                    one.Name,
                    "autoscale",
                    $"autoscaling.knative.dev/target-burst-capacity: \"{one.BurstCapacity}\"",
                    "autoscaling.knative.dev/min-scale: \"2\"",
                    "autoscaling.knative.dev/max-scale: \"2\""
                )
            ),
        ]);
        await SetAsync("config-observability", "logging.gateway-access-log-template", "{{.Response.Code}}");
        foreach (
            var name in (string[])
                ["steady", "sleeping", "drowsy", "busy", "counted", "narrow", "starved", .. Fragile.Select(static one => one.Name)]
        )
        {
            await _hosts.ReadyAsync(name);
        }

        var from = DateTimeOffset.UtcNow;
        await using (
            var traffic = new SteadyTraffic(
                [.. _hosts.Hosts.Select(static host => new Uri($"http://127.0.0.1:{host.GatewayPort}"))],
                "steady.default.localhost",
                Rate
            )
        )
        {
            await CalmAsync();
            await Task.WhenAll(StartColdAsync(), LoadAsync(), RollOutAsync(), RefuseAsync(), BreakAsync(), KillPodsAsync());
            await StarveAsync();
            await KillLeaderAsync(traffic);
            await Task.Delay(Interval);
            Time = (from, DateTimeOffset.UtcNow);
        }

        await Task.Delay(Quiet);
        NotNumbersInQuiet = await NotNumbersAsync();
        Fired = await NamesAsync("max by (alertname) (max_over_time(ALERTS{alertstate=\"firing\"}[10m]))");
    }

    private Task ScrapedAsync() =>
        Eventually.HoldsAsync(
            async () => (await Prometheus.QueryAsync("up{job=\"serving\"} == 1")).Should().HaveCount(3, Prometheus.Output),
            Limit
        );

    /// <summary>
    /// A while with traffic and without troubles. What was slow to start is over before it begins; what fires then has no cause, and is
    /// recorded. The rules tolerate for minutes what they are about; here, where nothing is tolerated, a moment does not count.
    /// </summary>
    private async Task CalmAsync()
    {
        var settling = DateTimeOffset.UtcNow;
        while ((await FiringAsync()).Count > 0 && DateTimeOffset.UtcNow - settling < Settled)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }

        var began = DateTimeOffset.UtcNow;
        var fired = new HashSet<string>();
        while (DateTimeOffset.UtcNow - began < Calm)
        {
            fired.UnionWith(
                (await Prometheus.QueryAsync("count_over_time(ALERTS{alertstate=\"firing\"}[3s]) >= 3")).Select(static one =>
                    string.Join(' ', one.Labels.Values)
                )
            );
            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }

        FiredInCalm = [.. fired];
    }

    /// <summary>The panels with single values that show NaN now. Throws when Prometheus refuses a query of any panel.</summary>
    private async Task<IReadOnlyList<string>> NotNumbersAsync()
    {
        var found = new List<string>();
        foreach (var panel in DashboardFiles.Sources.Keys.SelectMany(static name => DashboardFiles.PanelsOf(DashboardFiles.Read(name))))
        {
            foreach (var query in DashboardFiles.QueriesOf(panel))
            {
                var series = await Prometheus.QueryAsync(PromQl.Substituted(query, Interval, Interval));
                if (panel["type"]!.ToString() is "stat" or "table" or "bargauge" && series.Any(static one => !one.HasNumber))
                {
                    found.Add($"{panel["title"]}: {query}");
                }
            }
        }

        return found;
    }

    private Task<IReadOnlyList<string>> FiringAsync() => NamesAsync("count by (alertname) (ALERTS{alertstate=\"firing\"})");

    private async Task<IReadOnlyList<string>> NamesAsync(string expression) =>
        [.. (await Prometheus.QueryAsync(expression)).Select(static series => series.Labels["alertname"]).Order(StringComparer.Ordinal)];

    /// <summary>Two cold starts through the host that is killed at the end: what it counted must not be lost with it.</summary>
    private async Task StartColdAsync()
    {
        var leader = await _hosts.LeaderAsync(Controller);
        foreach (var name in (string[])["sleeping", "drowsy"])
        {
            (await ThreeHosts.CallAsync(name, leader)).Should().Be("Hello World!\n");
        }
    }

    /// <summary>Requests that need more pods, that wait in queues, that are too slow, and that nobody serves.</summary>
    private async Task LoadAsync()
    {
        var until = DateTimeOffset.UtcNow + Troubles;
        IEnumerable<Task> Callers(string name, int count, string query) =>
            Enumerable.Range(0, count).Select(i => RepeatAsync(_clients[i % 2], name, query, () => DateTimeOffset.UtcNow < until));

        await Task.WhenAll([
            .. Callers("busy", 12, "?sleep=50"),
            .. Callers("counted", 4, "?sleep=100"),
            // One request at a time, ten may wait: the others are refused by the sidecar.
            .. Callers("narrow", 16, "?sleep=100"),
            // Its requests may take one second.
            .. Callers("busy", 2, "?sleep=3000"),
            .. Callers("nowhere", 2, ""),
            .. Fragile.SelectMany(one => Callers(one.Name, 4, "?sleep=20")),
        ]);
    }

    private static async Task RepeatAsync(HttpClient client, string name, string query, Func<bool> goesOn)
    {
        while (goesOn())
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"/{query}") { Headers = { Host = $"{name}.default.localhost" } };
            using var response = await client.SendAsync(request);
            await response.Content.ReadAsByteArrayAsync();
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100));
            }
        }
    }

    private async Task RollOutAsync()
    {
        await ApplyAsync(Manifest("steady", "helloworld", "second", ["autoscaling.knative.dev/min-scale: \"1\""]));
        await Eventually.HoldsAsync(
            async () =>
                (await _hosts.Client.GetAsync(Resources.KnativeServices, "default", "steady", CancellationToken.None))
                    .Status.LatestReadyRevisionName.Should()
                    .EndWith("-00002"),
            Limit
        );
    }

    /// <summary>A write that admission refuses, a Service whose image does not exist, and a ConfigMap that is not valid.</summary>
    private async Task RefuseAsync()
    {
        var refused = () =>
            ApplyAsync(
                """
                apiVersion: serving.knative.dev/v1
                kind: Service
                metadata: {name: refused, namespace: default}
                spec: {template: {spec: {containerConcurrency: -1, containers: [{image: ghcr.io/serving-samples/helloworld}]}}}
                """
            );
        (await refused.Should().ThrowAsync<Exception>()).WithMessage("*containerConcurrency*");
        await CreateAsync("broken", "nobody-knows");

        await SetAsync("config-gc", "min-non-active-revisions", "many");
    }

    /// <summary>Load that needs more pods while the only node takes none.</summary>
    private async Task StarveAsync()
    {
        await CordonAsync(true);
        var wanted = true;
        var load = Enumerable.Range(0, 4).Select(_ => RepeatAsync(_clients[0], "starved", "?sleep=100", () => wanted)).ToList();
        try
        {
            await Eventually.HoldsAsync(
                async () =>
                    (await Prometheus.QueryAsync("ALERTS{alertname=\"ServingCannotScale\",kn_service_name=\"starved\"}"))
                        .Should()
                        .NotBeEmpty(),
                Limit
            );
        }
        finally
        {
            wanted = false;
            await CordonAsync(false);
            await Task.WhenAll(load);
        }
    }

    private async Task CordonAsync(bool isCordoned)
    {
        using var installer = Installer();
        var nodes = await installer.ListAsync(Resources.Nodes, null, null, CancellationToken.None);
        await installer.PatchAsync(
            Resources.Nodes,
            null,
            nodes.Items.Should().ContainSingle().Subject.Metadata.Name,
            new Patch(PatchType.Merge, $$$"""{"spec": {"unschedulable": {{{(isCordoned ? "true" : "false")}}}}}"""),
            CancellationToken.None
        );
    }

    /// <summary>Kills all programs and sidecars of two Services in the middle of their load: one is reached by the gateways, the other
    /// through the activator.</summary>
    private async Task KillPodsAsync()
    {
        await Task.Delay(Troubles / 2);
        foreach (var process in Fragile.SelectMany(one => _hosts.PodProcesses(one.Name)))
        {
            using var kill = Process.Start("kill", ["-KILL", $"{process}"]);
            await kill.WaitForExitAsync();
        }
    }

    /// <summary>Sets a key of a ConfigMap. The installer's writes are not admitted by webhooks.</summary>
    private async Task SetAsync(string name, string key, string value)
    {
        using var installer = Installer();
        var map = await installer.GetAsync(Resources.ConfigMaps, "knative-serving", name, CancellationToken.None);
        await installer.UpdateAsync(
            Resources.ConfigMaps,
            map with
            {
                Data = new Dictionary<string, string>(map.Data) { [key] = value },
            },
            CancellationToken.None
        );
    }

    private ClusterClient Installer() => new(ClusterAccess.FromKubeconfig(Path.Combine(_hosts.DataDirectory, "installer.kubeconfig")));

    /// <summary>Cuts the host that leads nothing, or little, off from the API server.</summary>
    private async Task BreakAsync()
    {
        var host = _hosts.Hosts[2];
        await host.ToApi.CutAsync();
        try
        {
            await Eventually.HoldsAsync(async () => (await FiringAsync()).Should().Contain("ServingApiUnreachable"), Limit);
        }
        finally
        {
            host.ToApi.Repair();
        }
    }

    /// <summary>Cuts all candidates off from the API server until nobody leads.</summary>
    private async Task LoseLeadersAsync(IEnumerable<ServingHost> hosts)
    {
        var candidates = hosts.ToList();
        foreach (var host in candidates)
        {
            await host.ToApi.CutAsync();
        }

        try
        {
            await Eventually.HoldsAsync(async () => (await FiringAsync()).Should().Contain("ServingLeaderMissing"), Limit);
        }
        finally
        {
            candidates.ForEach(static host => host.ToApi.Repair());
        }
    }

    private async Task KillLeaderAsync(SteadyTraffic traffic)
    {
        var leader = await _hosts.LeaderAsync(Controller);
        var before = await _hosts.HolderAsync(Controller);
        traffic.Down(_hosts.Hosts.ToList().IndexOf(leader));
        await leader.KillAsync();
        await Eventually.HoldsAsync(
            async () => (await _hosts.HolderAsync(Controller)).Should().NotBeEmpty().And.NotBe(before),
            ThreeHosts.LeaseDuration + Limit
        );
        await Eventually.HoldsAsync(async () => (await FiringAsync()).Should().Contain("ServingTargetDown"), Limit);
        await LoseLeadersAsync(_hosts.Hosts.Where(host => host != leader));
        await Eventually.HoldsAsync(
            async () => (await Prometheus.QueryAsync("max by (lease) (serving_lease_held) == 0")).Should().BeEmpty(),
            Limit
        );
    }

    private Task CreateAsync(string name, string image, params string[] annotations) =>
        Eventually.HoldsAsync(() => ApplyAsync(Manifest(name, image, "World", annotations)), Limit);

    private static string Manifest(string name, string image, string target, IEnumerable<string> annotations) =>
        $$"""
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata: {name: {{name}}, namespace: default}
            spec:
              template:
                metadata:
                  annotations: { {{string.Join(", ", annotations)}} }
                spec:
                  timeoutSeconds: {{(name == "busy" ? 1 : 300)}}
                  containerConcurrency: {{(name == "narrow" ? 1 : 0)}}
                  containers:
                  - image: ghcr.io/serving-samples/{{image}}
                    env: [{name: TARGET, value: {{target}} }]
            """;

    private Task ApplyAsync(string yaml) =>
        new ManifestApplier(_hosts.Client, new ResourceDiscovery(_hosts.Client)).ApplyTextAsync(
            "test",
            yaml,
            "serving-tests",
            CancellationToken.None
        );

    private static HttpClient ClientOf(ServingHost host) =>
        new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri($"http://127.0.0.1:{host.GatewayPort}"), Timeout = Limit };

    [GeneratedRegex(@"for: \d+[mh]")]
    private static partial Regex For();

    [GeneratedRegex(@"\[\d+[mh]\]")]
    private static partial Regex Window();

    [GeneratedRegex(@"offset \d+m")]
    private static partial Regex Offset();
}
