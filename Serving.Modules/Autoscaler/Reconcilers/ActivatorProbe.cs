using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Dataplane;
using Serving.Dataplane.Probes;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>
/// Asks the addresses in the Endpoints of a revision's public Service, rather than the Service's name: all that a request could
/// reach are asked, not one of them by chance, and no DNS is needed. At most <see cref="MostAddresses"/> are asked.
/// </summary>
internal sealed partial class ActivatorProbe(ILister<Endpoints> endpoints, ILogger logger) : IActivatorProbe
{
    private const int MostAddresses = 8;
    private const string Path = "/healthz";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private static readonly KeyValuePair<string, string>[] Headers =
    [
        new(DataplaneHeaders.Probe, DataplaneHeaders.ActivatorName),
        new("User-Agent", DataplaneHeaders.AutoscalingUserAgent),
    ];

    public async Task<bool> IsInPathAsync(string ns, string service, CancellationToken cancellation)
    {
        if (service.Length == 0 || endpoints.Get(ns, service) is not { } known) return false;
        var targets = known.Subsets.SelectMany(Targets).Distinct().Take(MostAddresses).ToList();
        if (targets.Count == 0) return false;
        var answers = await Task.WhenAll(targets.Select(target => AskAsync(target.Ip, target.Port, cancellation))).ConfigureAwait(false);
        return answers.All(answer => answer);
    }

    private static IEnumerable<(string Ip, int Port)> Targets(EndpointSubset subset)
    {
        var port = subset.Ports.FirstOrDefault(p => p.Name is NetworkingKeys.ServicePortNameHttp1 or NetworkingKeys.ServicePortNameH2C)?.Port;
        return port is null ? [] : subset.Addresses.Select(address => (address.Ip, port.Value));
    }

    private async Task<bool> AskAsync(string ip, int port, CancellationToken cancellation)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limited.CancelAfter(Patience);
        try
        {
            var answer = await HttpProbe.GetAsync(ip, port, Path, Headers, tls: false, limited.Token).ConfigureAwait(false);
            return IsActivator(answer);
        }
        catch (Exception error) when (error is IOException or SocketException || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            LogFailure(ip, port, error.Message);
            return false;
        }
    }

    /// <summary>The body is the activator's name; it may have come in chunks.</summary>
    private static bool IsActivator(HttpProbeResult answer)
        => answer.Status == 200 && answer.Body.Split('\n', StringSplitOptions.TrimEntries).Contains(DataplaneHeaders.ActivatorName);

    [LoggerMessage(3, LogLevel.Debug, "Probing {Ip}:{Port} for an activator failed: {Reason}")]
    private partial void LogFailure(string ip, int port, string reason);
}
