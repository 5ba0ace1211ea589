using Serving.Benchmarks.Load;
using Serving.Benchmarks.Processes;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Scenarios;

/// <summary>The gateway beside nginx before the same pod.</summary>
internal sealed class GatewayScenario : IScenario
{
    private const string Name = "bench-serve";

    public ScenarioText Text { get; } =
        new(
            "gateway",
            "Gateway to pod",
            """
            wrk, 32 connections kept open, HTTP/1.1 without TLS, to one pod of `samples/HelloWorld` (sidecar and program). The
            Service has `target-burst-capacity: "0"` and one pod, so its requests go from the gateway to the pod without the
            activator (mode Serve). nginx: two workers, connections to the pod kept open, no access log. CPU of the host is that
            of the whole process, with the API server, the node and the control plane of the local cluster in it.
            """
        );

    public Task RunAsync(ScenarioRun run, Findings findings)
    {
        if (!Wrk.IsInstalled)
        {
            findings.NotMeasured("all of it: wrk is not on the PATH (Debian: `apt-get install wrk`).");
            return Task.CompletedTask;
        }

        return run.WithClusterAsync(async cluster =>
        {
            await cluster.ApplyOnePodAsync(Name, "helloworld", proxied: false);
            var gateway = OfHost(cluster, "gateway", Name);
            if (Nginx.Path is null)
            {
                findings.NotMeasured("the ratios: nginx is not on the PATH (Debian: `apt-get install nginx-light`).");
                new Comparison("gateway", await MeasureAsync(run, [gateway])).Absolute(findings, "CPU of the gateway per request");
            }
            else
            {
                await using var nginx = await Nginx.StartAsync(
                    await cluster.AddressAsync(ClusterServices.Namespace, Name + "-00001-private")
                );
                var other = new Contender(
                    "nginx",
                    new Wrk(new Uri($"http://{nginx.Address}/"), ClusterServices.HostOf(Name)),
                    () => nginx.Cpu,
                    () => nginx.ResidentMebibytes
                );
                var comparison = new Comparison("gateway", await MeasureAsync(run, [gateway, other]));
                RatiosToNginx(findings, comparison, "gateway", "nginx");
                comparison.Absolute(findings, "CPU per request before the same pod");
            }

            await cluster.DeleteAsync(Name);
        });
    }

    /// <summary>A path through a cluster's gateway.</summary>
    internal static Contender OfHost(MeasuredHost cluster, string label, string service) =>
        new(
            label,
            new Wrk(new Uri($"http://{cluster.Gateway}/"), ClusterServices.HostOf(service)),
            () => cluster.Process.Cpu,
            () => cluster.Process.ResidentMebibytes
        );

    /// <summary>Adds the ratios of a path through the gateway to the same path through nginx, with the goals of the gateway.</summary>
    internal static void RatiosToNginx(Findings findings, Comparison comparison, string gateway, string nginx)
    {
        comparison.Ratio(findings, gateway, nginx, "CPU per request", static one => one.Microseconds, new Goal(1.8));
        comparison.Ratio(findings, gateway, nginx, "requests/s", static one => one.RequestsPerSecond, new Goal(0.9, AtLeast: true));
        comparison.Ratio(findings, gateway, nginx, "p99", static one => one.P99Milliseconds, new Goal(1.2));
    }

    /// <summary>Measures contenders with the options of the run.</summary>
    internal static Task<IReadOnlyDictionary<string, IReadOnlyList<ContenderSample>>> MeasureAsync(
        ScenarioRun run,
        IReadOnlyList<Contender> contenders
    ) => Contender.MeasureAsync(contenders, run.Options.Rounds, run.Options.WarmUp, run.Options.Load);
}
