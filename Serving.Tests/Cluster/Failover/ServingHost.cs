using System.Globalization;
using System.Text.RegularExpressions;
using FluentAssertions;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.Failover;

/// <summary>One of several hosts of a control plane on the same API server, which it reaches through its own proxy.</summary>
internal sealed partial class ServingHost(string directory, int gatewayPort, TcpProxy toApi) : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);
    private HostProcess? _process;

    /// <summary>The gateway's port of 127.0.0.1.</summary>
    public int GatewayPort => gatewayPort;

    /// <summary>The pod that represents the host; a new one after a restart.</summary>
    public string Pod { get; private set; } = "";

    /// <summary>Its output so far.</summary>
    public string Output => _process?.Output ?? "";

    /// <summary>Whether the process exists, suspended or not.</summary>
    public bool Runs => _process is { HasExited: false };

    /// <summary>The proxy to the API server.</summary>
    public TcpProxy ToApi => toApi;

    /// <summary>Starts it and waits until it reports ready.</summary>
    public async Task StartAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        _process = HostProcess.Start(
            "local",
            "--plain",
            "--roles",
            "controlplane",
            "--data-dir",
            directory,
            "--gateway-port",
            gatewayPort.ToString(CultureInfo.InvariantCulture)
        );
        await Eventually.HoldsAsync(
            () =>
                (_process.HasExited || _process.Output.Contains("control plane  ready", StringComparison.Ordinal))
                    .Should()
                    .BeTrue(_process.Output),
            StartLimit
        );
        _process.HasExited.Should().BeFalse(_process.Output);
        Pod = PodLine().Match(_process.Output).Groups[1].Value;
        Pod.Should().NotBeEmpty(_process.Output);
    }

    /// <summary>Kills it, as the kernel does when it is out of memory.</summary>
    public Task KillAsync() => SignalAsync("KILL");

    /// <summary>Sends a signal by name.</summary>
    public Task SignalAsync(string name) => _process!.SignalAsync(name);

    /// <summary>Waits until it has ended.</summary>
    public Task<int> WaitForExitAsync(TimeSpan limit) => _process!.WaitForExitAsync(limit);

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        await toApi.DisposeAsync();
    }

    [GeneratedRegex(@"host pod\s+(\S+)")]
    private static partial Regex PodLine();
}
