using Serving.Tests.QueueProxy;

namespace Serving.Tests.Containers;

/// <summary>The sidecar of the queue-proxy image in a container.</summary>
internal sealed class QueueProxyContainer : Sidecar
{
    private QueueProxyContainer(ImageContainer container, SidecarEndpoints endpoints)
        : base(endpoints) => Container = container;

    /// <summary>What it runs in.</summary>
    public ImageContainer Container { get; }

    public override Task<bool> HasExitedAsync() => Container.HasExitedAsync();

    public override Task<string> OutputAsync() => Container.OutputAsync();

    public static Task<QueueProxyContainer> StartAsync(int userPort, params (string Name, string Value)[] variables) =>
        StartAsync(userPort, [], variables);

    /// <summary>The same, with directories of this machine that it reads at the same path.</summary>
    public static async Task<QueueProxyContainer> StartAsync(
        int userPort,
        IReadOnlyList<string> directories,
        params (string Name, string Value)[] variables
    )
    {
        var endpoints = NextEndpoints();
        return new QueueProxyContainer(
            await ImageContainer.StartAsync("queue-proxy", VariablesOf(endpoints, userPort, variables), directories),
            endpoints
        );
    }

    public override Task TerminateAsync() => Container.SignalAsync("SIGTERM");

    public override Task<int> ExitCodeAsync() => Container.ExitCodeAsync();

    public override ValueTask DisposeAsync() => Container.DisposeAsync();
}
