using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Activator.ColdStarts;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Dataplane.Statistics;
using Serving.Instruments;
using Serving.Kubernetes;
using Serving.Kubernetes.Informers;

namespace Serving.Activator.Throttling;

/// <summary>
/// All revisions and their throttlers, kept up to date by the informers of revisions, their pods, the Endpoints of their public Services,
/// and their private Services. Invariant: informers call concurrently, and their changes are applied one at a time. An informer updates its
/// cache before it calls, so what a new revision reads from the other caches is never reverted by an older change.
/// </summary>
internal sealed class RevisionRegistry : IDisposable
{
    private readonly ConcurrentDictionary<ObjectKey, RevisionEntry> _entries = new();
    private readonly Lock _changes = new();
    private readonly IInformer<Revision> _revisions;
    private readonly IInformer<Pod> _pods;
    private readonly IInformer<Endpoints> _endpoints;
    private readonly IDisposable[] _registrations;
    private readonly PodProber _prober;
    private readonly ColdStartRecorder _coldStarts;
    private readonly IInformer<CoreService> _services;
    private readonly Func<NetworkConfig> _network;
    private readonly string _ownAddress;
    private readonly int _queueDepth;
    private (MeshCompatibilityMode Mode, bool ThroughMesh) _mesh;

    public RevisionRegistry(
        IInformers informers,
        IPAddress ownAddress,
        int queueDepth,
        Func<NetworkConfig> network,
        PodProber prober,
        ILogger logger
    )
    {
        _coldStarts = new ColdStartRecorder(() => Entries, prober.Time, logger);
        _network = network;
        _mesh = Mesh(network());
        _ownAddress = ownAddress.ToString();
        _queueDepth = queueDepth;
        _prober = prober;
        _revisions = informers.For(Resources.Revisions);
        _pods = informers.For(Resources.Pods, labelSelector: ServingKeys.Revision);
        _endpoints = informers.For(Resources.Endpoints);
        _services = informers.For(Resources.Services);
        _registrations = [Follow(_revisions, OnRevision), Follow(_pods, OnPod), Follow(_endpoints, OnEndpoints)];
    }

    /// <summary>All revisions.</summary>
    public IEnumerable<RevisionEntry> Entries => _entries.Select(static pair => pair.Value);

    /// <summary>Whether the caches have synced.</summary>
    public bool HasSynced => _revisions.HasSynced && _pods.HasSynced;

    /// <summary>The autoscaler has scaled a revision up from zero, now.</summary>
    public void OnScaledFromZero(ScaleFromZero scale) => Find(scale.Namespace, scale.Revision)?.ColdStarts.Scaled(scale.WriteTime);

    /// <summary>Records cold starts that wait for what has not come; called every second.</summary>
    public void SweepColdStarts() => _coldStarts.Sweep();

    /// <summary>Applies a change of config-network.</summary>
    public void FollowNetwork()
    {
        if (Mesh(_network()) is var now && now == _mesh)
            return;
        _mesh = now;
        foreach (var entry in _entries.Values)
            entry.Backends.Reconsider();
    }

    /// <summary>The revision, or null if it does not exist.</summary>
    public RevisionEntry? Find(string ns, string name) => _entries.GetValueOrDefault(new ObjectKey(ns, name));

    /// <summary>Completes when the caches have synced.</summary>
    public async Task WaitForSyncAsync(CancellationToken cancellation)
    {
        await _revisions.WaitForSyncAsync(cancellation);
        await _pods.WaitForSyncAsync(cancellation);
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        lock (_changes)
        {
            foreach (var entry in _entries.Values)
                entry.Dispose();
        }

        _coldStarts.Dispose();
    }

    private static (MeshCompatibilityMode Mode, bool ThroughMesh) Mesh(NetworkConfig network) =>
        (network.MeshCompatibilityMode, network.EnableMeshPodAddressability);

    /// <summary>The address of the revision's private Service; null while unknown.</summary>
    private Destination? ServiceOf(Revision revision)
    {
        var found = _services.Lister.Get(revision.Metadata.Namespace, ChildName.PrivateService(revision.Metadata.Name));
        if (found is not { Spec.ClusterIP: { Length: > 0 } address and not "None" } service)
            return null;
        var name =
            revision.Spec.Protocol() == NetworkingKeys.ProtocolH2C
                ? NetworkingKeys.ServicePortNameH2C
                : NetworkingKeys.ServicePortNameHttp1;
        if (service.Spec.Ports.FirstOrDefault(port => port.Name == name) is not { } clear)
            return null;
        var secured = service.Spec.Ports.FirstOrDefault(static port => port.Name == NetworkingKeys.ServicePortNameHttps);
        return new Destination(revision.Metadata.Namespace, address, clear.Port)
        {
            TlsPort = secured?.Port ?? NetworkingKeys.ServiceHttpsPort,
        };
    }

    private IDisposable Follow<T>(IInformer<T> informer, Action<Change<T>> apply)
        where T : class, IKubernetesObject =>
        informer.AddHandler(change =>
        {
            lock (_changes)
                apply(change);
        });

    private void OnRevision(Change<Revision> change)
    {
        if (change.New is not { } revision)
        {
            if (_entries.TryRemove(change.Key, out var gone))
            {
                gone.Dispose();
                if (gone.Load.IsUsed)
                    EndedSeries.Add();
            }

            return;
        }

        if (_entries.TryGetValue(change.Key, out var known) && known.Revision.Metadata.Uid == revision.Metadata.Uid)
        {
            known.Revision = revision;
            return;
        }

        known?.Dispose();
        var throttler = new RevisionThrottler(
            (int)Math.Clamp(revision.Spec.ContainerConcurrency ?? 0, 0, int.MaxValue),
            _queueDepth,
            EphemeralPods.MaxRequests(revision.Metadata.Annotations) ?? 0
        );
        var entry = new RevisionEntry(
            revision,
            throttler,
            new RevisionBackends(revision, throttler, _prober, _network, () => ServiceOf(revision)),
            new RevisionColdStarts(change.Key, _coldStarts)
        );
        _entries[change.Key] = entry;

        // Pods and Endpoints may have been observed before their revision.
        foreach (var pod in _pods.Lister.ByLabel(change.Key.Namespace, ServingKeys.Revision, change.Key.Name))
            Apply(entry, pod);
        if (_endpoints.Lister.Get(change.Key.Namespace, change.Key.Name) is { } endpoints)
            SetShare(entry, endpoints);
    }

    private void OnPod(Change<Pod> change)
    {
        if (!change.Object.Metadata.Labels.TryGetValue(ServingKeys.Revision, out var revision))
            return;
        if (Find(change.Key.Namespace, revision) is not { } entry)
            return;
        if (change.New is { } pod)
        {
            Apply(entry, pod);
            return;
        }

        entry.Backends.Remove(change.Old!);
        entry.ColdStarts.Remove(change.Old!);
    }

    private static void Apply(RevisionEntry entry, Pod pod)
    {
        // First, because a pod that accepts requests ends the cold start.
        entry.ColdStarts.Observe(pod);
        entry.Backends.Update(pod);
    }

    private void OnEndpoints(Change<Endpoints> change)
    {
        // The public Service has the name of its revision.
        if (change.New is { } endpoints && Find(change.Key.Namespace, change.Key.Name) is { } entry)
            SetShare(entry, endpoints);
    }

    private void SetShare(RevisionEntry entry, Endpoints endpoints)
    {
        var activators = endpoints
            .Subsets.SelectMany(static subset => subset.Addresses)
            .Select(static address => address.Ip)
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)
            .ToList();
        var index = activators.IndexOf(_ownAddress);

        // Not in the request path now: the previous share applies to requests that still arrive.
        if (index >= 0)
            entry.Throttler.SetShare(new ActivatorShare(index, activators.Count));
    }
}
