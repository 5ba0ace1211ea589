using Serving.Benchmarks.Processes;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Scenarios;

/// <summary>The activator in the path beside the path without it.</summary>
internal sealed class ActivatorScenario : IScenario
{
    private const string Serve = "bench-direct";
    private const string Proxy = "bench-proxy";

    public ScenarioText Text { get; } =
        new(
            "activator",
            "Gateway to activator to pod",
            """
            Two Services with one pod each in one cluster, measured in turn as above: one with `target-burst-capacity: "-1"`, so
            that all its requests pass the activator (mode Proxy), and one with `"0"` (mode Serve).
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
            await cluster.ApplyOnePodAsync(Serve, "helloworld", proxied: false);
            await cluster.ApplyOnePodAsync(Proxy, "helloworld", proxied: true);
            var comparison = new Comparison(
                "activator",
                await GatewayScenario.MeasureAsync(
                    run,
                    [GatewayScenario.OfHost(cluster, "Proxy", Proxy), GatewayScenario.OfHost(cluster, "Serve", Serve)]
                )
            );
            comparison.Ratio(findings, "Proxy", "Serve", "CPU per request", static one => one.Microseconds, new Goal(1.3));
            comparison.Ratio(findings, "Proxy", "Serve", "requests/s", static one => one.RequestsPerSecond);
            comparison.Ratio(findings, "Proxy", "Serve", "p99", static one => one.P99Milliseconds);
            comparison.Absolute(findings, "CPU of the host per request, with and without the activator");
            await cluster.DeleteAsync(Serve, Proxy);
        });
    }
}
