using System.Globalization;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;

namespace Serving.Activator.Throttling;

/// <summary>
/// Follows the pods of one revision and tells its throttler which of them take requests: those that Kubernetes calls
/// ready, and those that say so themselves before.
/// </summary>
internal sealed class RevisionBackends : IDisposable
{
    private const string QueueContainer = "queue-proxy";
    private const string QueuePortName = "queue-port";
    private const int Http1Port = 8012;
    private const int H2cPort = 8013;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Backend> _backends = new(StringComparer.Ordinal);
    private readonly RevisionThrottler _throttler;
    private readonly PodProber _prober;
    private readonly string _namespace;
    private readonly int _defaultPort;
    private readonly bool _mayProbe;
    private bool _disposed;

    public RevisionBackends(Revision revision, RevisionThrottler throttler, PodProber prober)
    {
        _throttler = throttler;
        _prober = prober;
        _namespace = revision.Metadata.Namespace;
        _defaultPort = revision.Spec.Protocol() == NetworkingKeys.ProtocolH2C ? H2cPort : Http1Port;

        // A command that only the kubelet can run, or that must have run first, cannot be asked for over the network.
        _mayProbe = revision.Spec.ServingContainer().ReadinessProbe?.Exec is null
            && revision.Spec.Containers.All(static container => container.StartupProbe is null);
    }

    /// <summary>Takes note of the newest state of a pod.</summary>
    public void Update(Pod pod)
    {
        if (pod.Metadata.DeletionTimestamp is not null || pod.Status is not { PodIP.Length: > 0 } status || status.Phase is "Succeeded" or "Failed")
        {
            Remove(pod);
            return;
        }

        var ready = status.Conditions.Any(static condition => condition is { Type: "Ready", Status: "True" });
        lock (_lock)
        {
            if (_disposed) return;
            if (!_backends.TryGetValue(pod.Metadata.Uid, out var backend) || backend.Host != status.PodIP)
            {
                backend?.StopProbing();
                _backends[pod.Metadata.Uid] = backend = new Backend(status.PodIP, Port(pod));
            }

            var (wasReady, wasHealthy) = (backend.Ready, backend.Healthy);
            backend.Ready = ready;
            if (ready && !wasReady)
            {
                backend.StopProbing();
                backend.Healthy = true;
            }
            else if (!ready && (wasReady || !wasHealthy))
            {
                backend.Healthy = false;
                if (_mayProbe) StartProbing(backend);
                else backend.StopProbing();
            }

            if (backend.Healthy != wasHealthy) Publish();
        }
    }

    /// <summary>Forgets a pod.</summary>
    public void Remove(Pod pod)
    {
        lock (_lock)
        {
            if (!_backends.Remove(pod.Metadata.Uid, out var backend)) return;
            backend.StopProbing();
            if (backend.Healthy) Publish();
        }
    }

    /// <summary>A pod refused a connection: it gets no more requests until it answers a probe.</summary>
    public void Suspect(string address)
    {
        lock (_lock)
        {
            if (_disposed) return;
            foreach (var backend in _backends.Values)
            {
                if (backend.Address != address || !backend.Healthy) continue;
                backend.Healthy = false;
                StartProbing(backend);
                Publish();
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (var backend in _backends.Values) backend.StopProbing();
            _backends.Clear();
        }
    }

    private void Publish() => _throttler.SetPods(_backends.Values.Where(static backend => backend.Healthy).Select(static backend => backend.Address));

    private void StartProbing(Backend backend)
    {
        if (backend.StartProbing() is not { } cancellation) return;
        _ = Task.Run(() => ProbeAsync(backend, cancellation), CancellationToken.None);
    }

    private async Task ProbeAsync(Backend backend, CancellationToken cancellation)
    {
        try
        {
            await _prober.WaitUntilReadyAsync(_namespace, backend.Host, backend.Port, cancellation);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        lock (_lock)
        {
            if (cancellation.IsCancellationRequested) return;
            backend.StopProbing();

            // An answer to a probe is not enough where Kubernetes must say so; it will tell.
            if (!_mayProbe && !backend.Ready) return;
            backend.Healthy = true;
            Publish();
        }
    }

    private int Port(Pod pod)
    {
        var queue = pod.Spec?.Containers.FirstOrDefault(static container => container.Name == QueueContainer);
        return queue?.Ports.FirstOrDefault(static port => port.Name == QueuePortName)?.Number is { } port and > 0 ? port : _defaultPort;
    }

    private sealed class Backend(string host, int port) : IDisposable
    {
        private CancellationTokenSource? _probing;

        public string Host => host;

        public int Port => port;

        public string Address { get; } =
            string.Create(CultureInfo.InvariantCulture, $"{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{port}");

        public bool Ready { get; set; }

        public bool Healthy { get; set; }

        public CancellationToken? StartProbing()
        {
            if (_probing is not null) return null;
            _probing = new CancellationTokenSource();
            return _probing.Token;
        }

        public void Dispose() => StopProbing();

        public void StopProbing()
        {
            // Not disposed: the probe may still read its token, and without a timer there is nothing to free.
            _probing?.Cancel();
            _probing = null;
        }
    }
}
