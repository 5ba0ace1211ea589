using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Serving.Kubernetes.Hosting;

namespace Serving.Tests.Support;

/// <summary>Runs modules as a process does: each as a service of the generic host, which starts and stops them.</summary>
internal static class HostedModules
{
    /// <summary>Runs until cancelled; returns when the host has stopped.</summary>
    public static async Task RunAsync(this ModuleHost host, CancellationToken stop)
    {
        var gate = new StartGate();
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        builder.Services.Configure<HostOptions>(static options => options.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        foreach (var module in host.Modules)
        {
            builder.Services.AddSingleton<IHostedService>(new ModuleService(module, gate));
        }

        builder.Services.AddSingleton<IHostedService>(new ModuleDrain(gate));
        using var application = builder.Build();
        gate.Open(host);
        await application.StartAsync(CancellationToken.None);
        await Task.Delay(Timeout.InfiniteTimeSpan, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await application.StopAsync(CancellationToken.None);
    }

    private sealed class NoSignals : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
