using Microsoft.Extensions.Logging.Abstractions;
using Serving.Autoscaler;
using Serving.Autoscaler.Statistics;
using Serving.Dataplane.Statistics;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

/// <summary>The endpoint of statistics, open, on a port of its own.</summary>
internal sealed class RunningStatistics : IAsyncDisposable
{
    private readonly StatisticsEndpoint _endpoint;
    private readonly ServedPorts _ports;

    private RunningStatistics(StatisticsEndpoint endpoint, ServedPorts ports) => (_endpoint, _ports) = (endpoint, ports);

    /// <summary>The port it is served on.</summary>
    public int Port => _ports["statistics"].Port;

    /// <summary>Tells the clients that asked for it.</summary>
    public void Announce(ScaleFromZero scale) => _endpoint.Announce(scale);

    public static async Task<RunningStatistics> StartAsync(
        AutoscalerOptions options,
        Action<WireStatMessage, bool> take,
        int most = StatisticsEndpoint.MostConnections
    )
    {
        var endpoint = new StatisticsEndpoint(take, NullLoggerFactory.Instance, most);
        var ports = await ServedPorts.StartAsync(endpoint.PortAt(options));
        endpoint.Open();
        return new RunningStatistics(endpoint, ports);
    }

    public async ValueTask DisposeAsync()
    {
        await _endpoint.CloseAsync();
        await _ports.DisposeAsync();
    }
}
