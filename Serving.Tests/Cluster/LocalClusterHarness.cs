using System.Net;
using FluentAssertions;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>
/// A built host running <c>local</c> on free ports and its own data directory.
/// Disposing it stops the host; it deletes the data directory only if it created it.
/// </summary>
internal sealed class LocalClusterHarness : TestCluster
{
    private const string ReadyLine = "control plane  ready";
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(120);

    private readonly bool _ownsDirectory;

    private LocalClusterHarness(HostProcess host, string directory, bool ownsDirectory, int gatewayPort)
        : base(Path.Combine(directory, "kubeconfig"), new Uri($"http://127.0.0.1:{gatewayPort}"), "ghcr.io/serving-samples")
    {
        Host = host;
        DataDirectory = directory;
        _ownsDirectory = ownsDirectory;
        GatewayPort = gatewayPort;
    }

    /// <summary>The process, with its output recorded.</summary>
    public HostProcess Host { get; }

    /// <summary>The data directory of the cluster.</summary>
    public string DataDirectory { get; }

    /// <summary>The gateway's port of 127.0.0.1.</summary>
    public int GatewayPort { get; }

    public override string ProgramCommand => TestPrograms.Command;

    public override Task<string?> InternalGatewayAsync(bool https = false) => EndpointOfAsync("gateway-internal", https);

    /// <summary>Starts the host and waits until it reports that the control plane is ready.</summary>
    /// <param name="dataDirectory">The directory of an earlier run; a new one when null.</param>
    /// <param name="arguments">Additional arguments of <c>local</c>.</param>
    public static Task<LocalClusterHarness> StartAsync(string? dataDirectory = null, params string[] arguments) =>
        StartWithAsync(new Dictionary<string, string>(), dataDirectory, arguments);

    /// <summary>The same, with additional environment variables of the host.</summary>
    public static async Task<LocalClusterHarness> StartWithAsync(
        IReadOnlyDictionary<string, string> environment,
        string? dataDirectory = null,
        params string[] arguments
    )
    {
        var directory = dataDirectory ?? Directory.CreateTempSubdirectory("serving-test-").FullName;
        var ports = FreePorts.Of(IPAddress.Loopback, 2);
        var host = HostProcess.StartIn(
            environment,
            [
                "local",
                "--plain",
                "--data-dir",
                directory,
                "--api-port",
                $"{ports[0]}",
                "--gateway-port",
                $"{ports[1]}",
                "--image",
                TestPrograms.ImageMapEntry,
                .. arguments,
            ]
        );
        try
        {
            await Eventually.HoldsAsync(
                () => (host.HasExited || host.Output.Contains(ReadyLine, StringComparison.Ordinal)).Should().BeTrue(host.Output),
                StartLimit
            );
            host.HasExited.Should().BeFalse(host.Output);
            return new LocalClusterHarness(host, directory, dataDirectory is null, ports[1]);
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await Host.DisposeAsync();
        var refused = RefusedRights.In(await File.ReadAllTextAsync(Path.Combine(DataDirectory, "serving.log")));
        if (_ownsDirectory)
        {
            Directory.Delete(DataDirectory, recursive: true);
        }

        refused.Should().BeEmpty("the account of the install has every right that its modules use");
    }
}
