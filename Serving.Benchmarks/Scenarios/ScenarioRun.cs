using Serving.Benchmarks.Processes;
using Serving.Benchmarks.Services;

namespace Serving.Benchmarks.Scenarios;

/// <summary>
/// A run of scenarios: its options, and what several of them use. Each scenario has a cluster of its own, so that none measures what
/// another left behind; the scenarios of a smoke test share one, and one run of the control plane, because a start is what takes the time
/// there.
/// </summary>
internal sealed class ScenarioRun(RunOptions options) : IAsyncDisposable
{
    private readonly Dictionary<int, ServicesReport> _services = [];
    private MeasuredHost? _shared;

    /// <summary>The options.</summary>
    public RunOptions Options => options;

    /// <summary>Calls an action with a cluster that has no Services.</summary>
    public async Task WithClusterAsync(Func<MeasuredHost, Task> action)
    {
        if (options.Short)
        {
            _shared ??= await StartAsync();
            await action(_shared);
            return;
        }

        await using var own = await StartAsync();
        await action(own);
    }

    /// <summary>What a number of Services costs the control plane; measured once in a run.</summary>
    public async Task<ServicesReport> ServicesAsync(int count)
    {
        if (!_services.TryGetValue(count, out var report))
        {
            report = await ServicesRun.RunAsync(
                options.Host,
                options.ControlPlane,
                count,
                options.Short ? ServicesTiming.Smoke : ServicesTiming.Full
            );
            _services.Add(count, report);
        }

        return report;
    }

    /// <summary>Writes progress to standard error.</summary>
    public static Task LogAsync(string text) => Console.Error.WriteLineAsync($"{DateTimeOffset.UtcNow:HH:mm:ss}  {text}");

    public async ValueTask DisposeAsync()
    {
        if (_shared is not null)
            await _shared.DisposeAsync();
    }

    private async Task<MeasuredHost> StartAsync()
    {
        string[] images =
            options.QueueProxies is [var first, ..] && !first.EndsWith(".dll", StringComparison.Ordinal)
                ? ["--image", $"*/queue-proxy*='{first}'"]
                : [];
        var cluster = await MeasuredHost.StartAsync(options.Host, images);
        try
        {
            await cluster.ConfigureAsync("config-autoscaler", "allow-zero-initial-scale", "true");
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }
}
