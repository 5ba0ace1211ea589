using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Dataplane;
using Serving.Dataplane.Probes;
using Serving.Kubernetes.Informers;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>
/// Probes the addresses in the Endpoints of a revision's public Service rather than the Service's name: this covers all addresses that a
/// request could reach, and needs no DNS. At most <see cref="MostAddresses"/> are probed. If a mesh blocks single addresses (set in
/// config-network, or detected because all responses look like it), the Service is probed by name.
/// </summary>
/// <param name="endpoints">The Endpoints of all Services.</param>
/// <param name="network">Returns the current config-network, which says whether there may be a mesh.</param>
/// <param name="logger">Logs failed probes.</param>
/// <param name="serviceAddress">Returns the address of a Service, by namespace, name and port; null to use its DNS name.</param>
internal sealed partial class ActivatorProbe(
    ILister<Endpoints> endpoints,
    Func<NetworkConfig> network,
    ILogger logger,
    Func<string, string, int, (string Host, int Port)>? serviceAddress = null
) : IActivatorProbe
{
    private const int MostAddresses = 8;
    private const string Path = "/healthz";
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(1);

    private static readonly KeyValuePair<string, string>[] Headers =
    [
        new(DataplaneHeaders.Probe, DataplaneHeaders.ActivatorName),
        new("User-Agent", DataplaneHeaders.AutoscalingUserAgent),
    ];

    public async Task<bool> IsInPathAsync(string ns, string service, CancellationToken cancellation)
    {
        if (service.Length == 0 || endpoints.Get(ns, service) is not { } known)
            return false;
        var targets = known.Subsets.SelectMany(Targets).Distinct().Take(MostAddresses).ToList();
        if (targets.Count == 0)
            return false;
        var mesh = network().MeshCompatibilityMode;
        if (mesh == MeshCompatibilityMode.Enabled)
            return await AskServiceAsync(ns, service, known, cancellation);
        var answers = await Task.WhenAll(targets.Select(target => AskAsync(target.Ip, target.Port, cancellation)));
        if (answers.All(static answer => answer == Answer.Activator))
            return true;
        return mesh == MeshCompatibilityMode.Auto
            && answers.All(static answer => answer == Answer.None)
            && await AskServiceAsync(ns, service, known, cancellation);
    }

    private async Task<bool> AskServiceAsync(string ns, string service, Endpoints known, CancellationToken cancellation)
    {
        var isH2C = known
            .Subsets.SelectMany(static subset => subset.Ports)
            .Any(static port => port.Name == NetworkingKeys.ServicePortNameH2C);
        var port = isH2C ? NetworkingKeys.ServiceHttp2Port : NetworkingKeys.ServiceHttpPort;
        var (host, at) = serviceAddress?.Invoke(ns, service, port) ?? ($"{service}.{ns}.svc", port);
        return await AskAsync(host, at, cancellation) == Answer.Activator;
    }

    private static IEnumerable<(string Ip, int Port)> Targets(EndpointSubset subset)
    {
        var port = subset
            .Ports.FirstOrDefault(p => p.Name is NetworkingKeys.ServicePortNameHttp1 or NetworkingKeys.ServicePortNameH2C)
            ?.Port;
        return port is null ? [] : subset.Addresses.Select(address => (address.Ip, port.Value));
    }

    private async Task<Answer> AskAsync(string host, int port, CancellationToken cancellation)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limited.CancelAfter(ProbeTimeout);
        try
        {
            var answer = await HttpProbe.GetAsync(host, port, Path, Headers, tls: false, limited.Token);
            return IsActivator(answer) ? Answer.Activator
                : answer.Status is 502 or 503 ? Answer.None
                : Answer.Other;
        }
        catch (Exception error)
            when (error is IOException or SocketException || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            LogFailure(host, port, error.Message);
            return Answer.None;
        }
    }

    /// <summary>The body is the activator's name; it may be chunked.</summary>
    private static bool IsActivator(HttpProbeResult answer) =>
        answer.Status == 200 && answer.Body.Split('\n', StringSplitOptions.TrimEntries).Contains(DataplaneHeaders.ActivatorName);

    private enum Answer
    {
        /// <summary>No response, or one that a mesh sends in its place.</summary>
        None,

        /// <summary>A response of a pod, or of an unknown server.</summary>
        Other,

        Activator,
    }

    [LoggerMessage(3, LogLevel.Debug, "Probing {Host}:{Port} for an activator failed: {Reason}")]
    private partial void LogFailure(string host, int port, string reason);
}
