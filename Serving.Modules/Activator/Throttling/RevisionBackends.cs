using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Concurrency;

namespace Serving.Activator.Throttling;

/// <summary>
/// Tracks the pods of one revision and tells its throttler which of them accept requests: those that Kubernetes reports as ready, and those
/// whose queue-proxy reports it earlier. If there may be a mesh, a pod must have responded itself; if no pod does, and each fails as
/// behind a mesh, requests go through the revision's Service once it responds.
/// </summary>
internal sealed class RevisionBackends : IDisposable
{
    private const string QueuePortName = "queue-port";
    private const int Http1Port = 8012;
    private const int H2cPort = 8013;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Backend> _backends = new(StringComparer.Ordinal);
    private readonly ServicePath _service = new();
    private readonly RevisionThrottler _throttler;
    private readonly PodProber _prober;
    private readonly Func<NetworkConfig> _network;
    private readonly Func<Destination?> _serviceOf;
    private readonly string _namespace;
    private readonly string _throughMesh;
    private readonly int _defaultPort;
    private readonly bool _mayProbe;
    private bool _isBehindMesh;
    private bool _disposed;

    /// <param name="revision">The revision.</param>
    /// <param name="throttler">Receives the set of pods that accept requests.</param>
    /// <param name="prober">Probes pods.</param>
    /// <param name="network">Returns the current config-network, which says whether there may be a mesh.</param>
    /// <param name="serviceOf">Returns the Service of the pods; null while unknown.</param>
    public RevisionBackends(
        Revision revision,
        RevisionThrottler throttler,
        PodProber prober,
        Func<NetworkConfig> network,
        Func<Destination?> serviceOf
    )
    {
        _throttler = throttler;
        _prober = prober;
        _network = network;
        _serviceOf = serviceOf;
        _namespace = revision.Metadata.Namespace;
        _throughMesh = $"{ChildName.PrivateService(revision.Metadata.Name)}.{_namespace}";
        _defaultPort = revision.Spec.Protocol() == NetworkingKeys.ProtocolH2C ? H2cPort : Http1Port;

        // An exec probe, or a startup probe, can be run by the kubelet only, not over the network.
        _mayProbe =
            revision.Spec.ServingContainer().ReadinessProbe?.Exec is null
            && revision.Spec.Containers.All(static container => container.StartupProbe is null);
    }

    /// <summary>The Host for which a mesh passes requests through to single pods; null to request no passthrough.</summary>
    public string? MeshHost => _network().EnableMeshPodAddressability ? _throughMesh : null;

    private MeshCompatibilityMode Mode => _network().MeshCompatibilityMode;

    private bool UsesService =>
        Mode switch
        {
            MeshCompatibilityMode.Enabled => true,
            MeshCompatibilityMode.Auto => _isBehindMesh && MeshHost is null,
            _ => false,
        };

    /// <summary>Applies the newest state of a pod.</summary>
    public void Update(Pod pod)
    {
        if (
            pod.Metadata.DeletionTimestamp is not null
            || pod.Status is not { PodIP.Length: > 0 } status
            || status.Phase is "Succeeded" or "Failed"
        )
        {
            Remove(pod);
            return;
        }

        var ready = status.Conditions.Any(static condition => condition is { Type: "Ready", Status: "True" });
        lock (_lock)
        {
            if (_disposed)
                return;
            if (!_backends.TryGetValue(pod.Metadata.Uid, out var backend) || backend.Destination.Host != status.PodIP)
            {
                backend?.Probing.Stop();
                _backends[pod.Metadata.Uid] = backend = new Backend(new Destination(_namespace, status.PodIP, Port(pod)));
            }

            var (wasReady, wasHealthy) = (backend.Ready, backend.Healthy);
            backend.Ready = ready;
            if (ready && !wasReady)
                BecomeReady(backend);
            else if (!ready && (wasReady || !wasHealthy))
                BecomeUnready(backend);
            if (backend.Healthy != wasHealthy || backend.Ready != wasReady)
                Publish();
            ConsiderService();
        }
    }

    /// <summary>Removes a pod.</summary>
    public void Remove(Pod pod)
    {
        lock (_lock)
        {
            if (!_backends.Remove(pod.Metadata.Uid, out var backend))
                return;
            backend.Probing.Stop();

            // Pods that come after the last one are probed anew: what looked like a mesh may have been the pods.
            if (_backends.Count == 0)
                _isBehindMesh = false;
            if (backend.Healthy || backend.Ready)
                Publish();
            ConsiderService();
        }
    }

    /// <summary>
    /// A pod, its program, or the Service refused a connection: it gets no requests until a probe succeeds. If the probe succeeds but
    /// requests are still refused, the next probe is delayed longer each time.
    /// </summary>
    public void Suspect(string address)
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            if (_service.Destination?.Address == address)
            {
                _service.Forget();
                Publish();
            }

            foreach (var backend in _backends.Values)
            {
                if (backend.Address != address || !backend.Healthy)
                    continue;
                backend.Healthy = false;
                StartProbing(backend, backend.Suspected((long)_prober.Time.GetElapsedTime(0).TotalMilliseconds));
                Publish();
            }

            ConsiderService();
        }
    }

    /// <summary>config-network has changed: detect a mesh anew.</summary>
    public void Reconsider()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _isBehindMesh = false;
            _service.Forget();
            foreach (var backend in _backends.Values)
            {
                backend.Probing.Stop();
                backend.Heard = ProbeAnswer.Unknown;
                backend.Healthy = false;
                if (backend.Ready)
                    BecomeReady(backend);
                else
                    BecomeUnready(backend);
            }

            Publish();
            ConsiderService();
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _disposed = true;
            foreach (var backend in _backends.Values)
                backend.Probing.Stop();
            _backends.Clear();
            _service.Dispose();
        }
    }

    private void BecomeReady(Backend backend)
    {
        // To detect a mesh, the pod must respond itself; so must one that may have served its number of requests.
        if (Mode == MeshCompatibilityMode.Auto || _throttler.IsEphemeral)
        {
            if (!backend.Healthy)
                StartProbing(backend);
            return;
        }

        backend.Probing.Stop();
        backend.Healthy = true;
    }

    private void BecomeUnready(Backend backend)
    {
        backend.Healthy = false;
        if (_mayProbe)
            StartProbing(backend);
        else
            backend.Probing.Stop();
    }

    private void Publish()
    {
        if (UsesService && _service.Destination is { } service)
            _throttler.SetService(service, _backends.Values.Count(static backend => backend.Ready));
        else
            _throttler.SetPods(
                UsesService ? [] : _backends.Values.Where(static backend => backend.Healthy).Select(static backend => backend.Address)
            );
    }

    private void StartProbing(Backend backend, TimeSpan delay = default)
    {
        if (UsesService || backend.Probing.Start() is not { } cancellation)
            return;
        BackgroundFailure.Watch("Probing a pod", Task.Run(() => ProbeAsync(backend, delay, cancellation), CancellationToken.None));
    }

    private async Task ProbeAsync(Backend backend, TimeSpan delay, CancellationToken cancellation)
    {
        try
        {
            await Task.Delay(delay, cancellation);
            await _prober.WaitUntilReadyAsync(backend.Destination, MeshHost, answer => Heard(backend, answer, cancellation), cancellation);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        lock (_lock)
        {
            if (cancellation.IsCancellationRequested)
                return;
            backend.Probing.Stop();
            backend.Heard = ProbeAnswer.Ready;

            // A successful probe is not enough where Kubernetes must report readiness; its update will follow.
            if (!_mayProbe && !backend.Ready)
                return;
            backend.Healthy = true;
            Publish();
            ConsiderService();
        }
    }

    private void Heard(Backend backend, ProbeAnswer answer, CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (cancellation.IsCancellationRequested || backend.Heard == answer)
                return;
            backend.Heard = answer;
            ConsiderService();
        }
    }

    /// <summary>Whether to probe the Service: requests use it, or every pod fails as behind a mesh.</summary>
    private bool WantsService() =>
        !_disposed && _backends.Count > 0 && (UsesService || (Mode == MeshCompatibilityMode.Auto && MeshHost is null && LooksLikeMesh()));

    private bool LooksLikeMesh() =>
        _backends.Values.All(static backend => !backend.Healthy && backend.Heard is ProbeAnswer.MayBeMesh or ProbeAnswer.Unknown)
        && _backends.Values.Any(static backend => backend.Heard == ProbeAnswer.MayBeMesh);

    private void ConsiderService()
    {
        if (!WantsService())
            _service.Forget();
        else if (_service.StartProbing() is { } cancellation)
            BackgroundFailure.Watch(
                "Probing the Service of a revision",
                Task.Run(() => ProbeServiceAsync(cancellation), CancellationToken.None)
            );
    }

    private async Task ProbeServiceAsync(CancellationToken cancellation)
    {
        try
        {
            while (!await TryServiceAsync(cancellation))
                await _prober.PauseAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            // Requests no longer use it.
        }
    }

    private async Task<bool> TryServiceAsync(CancellationToken cancellation)
    {
        if (_serviceOf() is not { } service || await _prober.AskAsync(service, cancellation) != ProbeAnswer.Ready)
            return false;

        // Starting pods look like pods behind a mesh: one that has started meanwhile is used directly.
        if (Mode == MeshCompatibilityMode.Auto && await AnyPodAnswersAsync(cancellation))
            return false;
        lock (_lock)
        {
            if (cancellation.IsCancellationRequested)
                return true;
            _isBehindMesh = Mode == MeshCompatibilityMode.Auto;
            _service.Answered(service);
            foreach (var backend in _backends.Values)
                backend.Probing.Stop();
            Publish();
            return true;
        }
    }

    private async Task<bool> AnyPodAnswersAsync(CancellationToken cancellation)
    {
        List<Destination> pods;
        lock (_lock)
        {
            if (_isBehindMesh)
                return false;
            pods = [.. _backends.Values.Select(static backend => backend.Destination)];
        }

        var answers = await Task.WhenAll(pods.Select(pod => _prober.AskAsync(pod, cancellation)));
        return answers.Any(static answer => answer != ProbeAnswer.MayBeMesh);
    }

    private int Port(Pod pod)
    {
        var queue = pod.Spec?.Containers.FirstOrDefault(static container => container.Name == ContainerNames.QueueProxy);
        return queue?.Ports.FirstOrDefault(static port => port.Name == QueuePortName)?.Number is { } port and > 0 ? port : _defaultPort;
    }

    private sealed class Backend(Destination destination) : IDisposable
    {
        private const int Forgotten = 15_000;
        private static readonly Backoff SuspicionDelays = new(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(5));

        private int _suspicions;
        private long _lastSuspicion;

        public Destination Destination => destination;

        public string Address { get; } = destination.Address;

        public bool Ready { get; set; }

        public bool Healthy { get; set; }

        /// <summary>The result of the last probe.</summary>
        public ProbeAnswer Heard { get; set; }

        public ProbeRun Probing { get; } = new();

        /// <summary>It refused a request; the delay before the next probe.</summary>
        public TimeSpan Suspected(long now)
        {
            _suspicions = now - _lastSuspicion > Forgotten ? 1 : _suspicions + 1;
            _lastSuspicion = now;
            return _suspicions == 1 ? TimeSpan.Zero : SuspicionDelays.After(_suspicions - 1);
        }

        public void Dispose() => Probing.Dispose();
    }
}
