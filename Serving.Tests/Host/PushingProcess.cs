using System.Net;
using System.Text;
using Microsoft.Extensions.Logging;
using NSubstitute;
using Serving.Api;
using Serving.Api.Core;
using Serving.ConfigMaps;
using Serving.Host.Composition;
using Serving.Host.Metrics;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Observability.Logging;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

/// <summary>The observability of a process that pushes its metrics twenty times a second. Its other times are virtual.</summary>
internal sealed class PushingProcess : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly MemoryStream _log = new();
    private readonly ProcessLogging _logging;
    private readonly ConfigStore _config;
    private readonly MetricsEndpoint _endpoint;
    private ServedPorts? _ports;
    private ProcessObservability? _observability;

    private PushingProcess(InMemoryCluster cluster, ClusterEnvironment environment)
    {
        _logging = new ProcessLogging(new LogOptions { Output = Stream.Synchronized(_log) });
        _config = new ConfigStore(cluster, environment, _logging.Factory.CreateLogger<ConfigStore>(), Substitute.For<IEventRecorder>());
        _endpoint = new MetricsEndpoint(null, Time);
    }

    /// <summary>The clock.</summary>
    public ManualTimeProvider Time { get; } = new();

    /// <summary>Ends with the process.</summary>
    public Task Running { get; private set; } = Task.CompletedTask;

    /// <summary>The lines of its log.</summary>
    public string Log => Encoding.UTF8.GetString(_log.ToArray());

    /// <summary>Starts one that pushes to a collector.</summary>
    public static async Task<PushingProcess> StartAsync(string collector)
    {
        var cluster = new InMemoryCluster();
        var environment = new ClusterEnvironment("knative-serving", "cluster.local", "pod", IPAddress.Loopback);
        var process = new PushingProcess(cluster, environment);
        process._ports = await ServedPorts.StartAsync(
            process._endpoint.Port,
            new ServingPort("other", new IPEndPoint(IPAddress.Loopback, 0)) { Serve = static _ => { } }
        );
        process._observability = new ProcessObservability(
            process._config,
            process._logging,
            environment,
            process._endpoint,
            process._ports.Listeners,
            process.Time,
            Stream.Null
        );
        process.Running = process._observability.RunAsync(process._stop.Token);
        cluster.Put(
            Resources.ConfigMaps,
            new ConfigMap
            {
                Metadata = new() { Namespace = "knative-serving", Name = "config-observability" },
                Data = new Dictionary<string, string>
                {
                    ["metrics-protocol"] = "http/protobuf",
                    ["metrics-endpoint"] = collector,
                    ["metrics-export-interval"] = "50ms",
                },
            }
        );
        return process;
    }

    /// <summary>Tells it to end.</summary>
    public Task StopAsync() => _stop.CancelAsync();

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await Running;
        _observability?.Dispose();
        if (_ports is not null)
        {
            await _ports.DisposeAsync();
        }

        _endpoint.Dispose();
        _config.Dispose();
        _logging.Dispose();
        _stop.Dispose();
        await _log.DisposeAsync();
    }
}
