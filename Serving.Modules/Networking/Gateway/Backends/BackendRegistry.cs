using System.Net;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Kubernetes;
using Serving.Kubernetes.Informers;
using Serving.Networking.Gateway.Telemetry;

namespace Serving.Networking.Gateway.Backends;

/// <summary>
/// The backends that routes refer to, kept up to date from the caches of Services and Endpoints. It reads Endpoints rather than
/// EndpointSlices, because those of a Revision's public Service are written as Endpoints, and reading them avoids the delay of mirroring.
/// </summary>
internal sealed class BackendRegistry : IDisposable
{
    private const string AppProtocolH2C = "kubernetes.io/h2c";
    private const string ExternalNameType = "ExternalName";
    private const int MaxAliasDepth = 4;

    private readonly Lock _gate = new();
    private readonly Dictionary<BackendKey, Entry> _backends = [];
    private readonly Dictionary<ObjectKey, List<Entry>> _byService = [];
    private readonly IInformer<CoreService> _services;
    private readonly IInformer<Endpoints> _endpoints;
    private readonly List<IDisposable> _registrations = [];
    private readonly string _serviceSuffix;
    private readonly string _gatewayDomain;
    private readonly IPAddress? _localActivator;

    /// <param name="informers">Provides the caches.</param>
    /// <param name="clusterDomain">The DNS domain of the cluster.</param>
    /// <param name="gatewayDomain">The DNS name of the cluster-local listener.</param>
    /// <param name="localActivator">The address of the activator in this process; null if there is none.</param>
    public BackendRegistry(IInformers informers, string clusterDomain, string gatewayDomain, IPAddress? localActivator)
    {
        _services = informers.For(Resources.Services);
        _endpoints = informers.For(Resources.Endpoints);
        _serviceSuffix = ".svc." + clusterDomain;
        _gatewayDomain = gatewayDomain;
        _localActivator = localActivator;
        _registrations.Add(_services.AddHandler(change => Refresh(change.Key)));
        _registrations.Add(_endpoints.AddHandler(change => Refresh(change.Key)));
    }

    /// <summary>Raised with the backends that got their first endpoint or lost their last, and those that are aliases of them. Called by
    /// informers: must return quickly.</summary>
    public event Action<IReadOnlyCollection<Backend>>? AvailabilityChanged;

    /// <summary>Completes when the caches of Services and Endpoints have synced.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellation) =>
        Task.WhenAll(_services.WaitForSyncAsync(cancellation), _endpoints.WaitForSyncAsync(cancellation));

    public void Dispose() => _registrations.ForEach(static registration => registration.Dispose());

    /// <summary>The number of backends.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _backends.Count;
            }
        }
    }

    /// <summary>The backend of a key; always the same instance until each <see cref="Acquire"/> has its <see cref="Release"/>.</summary>
    public Backend Acquire(BackendKey key)
    {
        lock (_gate)
        {
            var entry = GetLocked(key, 0);
            entry.Uses++;
            return entry.Backend;
        }
    }

    /// <summary>Ends one use of each backend. Backends without uses, that no used one is an alias of, are removed.</summary>
    public void Release(IEnumerable<Backend> backends)
    {
        lock (_gate)
        {
            foreach (var backend in backends)
            {
                var entry = _backends[backend.Key];
                entry.Uses--;
                RemoveUnused(entry);
            }
        }
    }

    private void Refresh(ObjectKey service)
    {
        var changed = new HashSet<Backend>();
        lock (_gate)
        {
            if (!_byService.TryGetValue(service, out var affected))
            {
                return;
            }

            foreach (var entry in affected.ToList())
            {
                var before = entry.Backend.Available;
                Replace(entry, StateOf(entry.Backend, 0));
                if (before != entry.Backend.Available)
                {
                    AddWithAliases(changed, entry);
                }
            }
        }

        if (changed.Count > 0)
        {
            AvailabilityChanged?.Invoke(changed);
        }
    }

    private static void AddWithAliases(HashSet<Backend> found, Entry entry)
    {
        if (found.Add(entry.Backend))
        {
            foreach (var alias in entry.Aliases)
            {
                AddWithAliases(found, alias);
            }
        }
    }

    private Entry GetLocked(BackendKey key, int depth)
    {
        if (!_backends.TryGetValue(key, out var entry))
        {
            entry = new Entry(new Backend(key));
            _backends.Add(key, entry);
            var service = new ObjectKey(key.Namespace, key.Service);
            if (!_byService.TryGetValue(service, out var siblings))
            {
                _byService.Add(service, siblings = []);
            }

            siblings.Add(entry);
            Replace(entry, StateOf(entry.Backend, depth));
        }

        return entry;
    }

    /// <summary>Replaces the state, unless the new one is the same: requests that wait for another state would wake for nothing.</summary>
    private void Replace(Entry entry, BackendState next)
    {
        var state = entry.Backend.State;
        if (next.IsLike(state))
        {
            return;
        }

        entry.Backend.Replace(next);
        if (next.Alias is not null)
        {
            _backends[next.Alias.Key].Aliases.Add(entry);
        }

        if (state.Alias is not null && state.Alias != next.Alias)
        {
            EndAlias(entry, state.Alias);
        }
    }

    private void EndAlias(Entry entry, Backend target)
    {
        if (_backends.TryGetValue(target.Key, out var found))
        {
            found.Aliases.Remove(entry);
            RemoveUnused(found);
        }
    }

    private void RemoveUnused(Entry entry)
    {
        if (IsUsed(entry, []) || !_backends.Remove(entry.Backend.Key))
        {
            return;
        }

        var service = new ObjectKey(entry.Backend.Key.Namespace, entry.Backend.Key.Service);
        var siblings = _byService[service];
        siblings.Remove(entry);
        if (siblings.Count == 0)
        {
            _byService.Remove(service);
        }

        if (entry.Backend.State.Alias is { } target)
        {
            EndAlias(entry, target);
        }
    }

    /// <summary>Whether the backend, or one that is an alias of it, is in use. Aliases may form a cycle.</summary>
    private static bool IsUsed(Entry entry, HashSet<Entry> seen) =>
        entry.Uses > 0 || (seen.Add(entry) && entry.Aliases.Any(alias => IsUsed(alias, seen)));

    private BackendState StateOf(Backend backend, int depth)
    {
        var key = backend.Key;
        if (_services.Lister.Get(key.Namespace, key.Service) is not { Spec: { } spec } service)
        {
            return new BackendState { Owner = backend.State.Owner };
        }

        var port = spec.Ports.FirstOrDefault(port => key.Port.Text is { } name ? port.Name == name : port.Port == key.Port.Int);
        var https = port is { Name: NetworkingKeys.ServicePortNameHttps };
        var http2 = https ? spec.Ports.Any(IsH2C) : port is not null && IsH2C(port);
        if (spec.Type == ExternalNameType)
        {
            return ExternalState(
                backend,
                spec.ExternalName.TrimEnd('.'),
                port?.Port ?? (key.Port.Int == 0 ? NetworkingKeys.ServiceHttpPort : key.Port.Int),
                http2,
                depth
            );
        }

        var owner = RevisionOwner.Of(service.Metadata.Labels);
        owner = owner == backend.State.Owner ? backend.State.Owner : owner;
        return port is null
            ? new BackendState { Owner = owner }
            : new BackendState
            {
                Endpoints = ReadyEndpoints(backend, port),
                Http2 = http2,
                Https = https,
                Owner = owner,
            };
    }

    /// <summary>Whether a port speaks h2c. The TLS port has the same name for every revision, so the protocol is taken from the other
    /// port.</summary>
    private static bool IsH2C(ServicePort port) =>
        port is { Name: NetworkingKeys.ServicePortNameH2C or NetworkingKeys.ProtocolH2C } or { AppProtocol: AppProtocolH2C };

    private BackendState ExternalState(Backend backend, string name, int port, bool http2, int depth)
    {
        if (name.Equals(_gatewayDomain, StringComparison.OrdinalIgnoreCase))
        {
            return new BackendState { LeadsToGateway = true };
        }

        if (
            name.EndsWith(_serviceSuffix, StringComparison.OrdinalIgnoreCase)
            && name[..^_serviceSuffix.Length].Split('.') is [var service, var ns]
        )
        {
            return depth < MaxAliasDepth
                ? new BackendState { Alias = GetLocked(new BackendKey(ns, service, port), depth + 1).Backend }
                : new BackendState();
        }

        return new BackendState
        {
            Endpoints = [Reuse(KnownEndpoints(backend), BackendEndpoint.AddressOf(name, port), local: false)],
            Http2 = http2,
        };
    }

    private BackendEndpoint[] ReadyEndpoints(Backend backend, ServicePort port)
    {
        var result = new List<BackendEndpoint>();
        var known = KnownEndpoints(backend);
        foreach (var subset in _endpoints.Lister.Get(backend.Key.Namespace, backend.Key.Service)?.Subsets ?? [])
        {
            var target = subset.Ports.FirstOrDefault(candidate => candidate.Name == port.Name)?.Port;
            if (target is null)
            {
                continue;
            }

            foreach (var address in subset.Addresses)
            {
                result.Add(Reuse(known, BackendEndpoint.AddressOf(address.Ip, target.Value), IsLocalActivator(address.Ip, target.Value)));
            }
        }

        return [.. result];
    }

    private bool IsLocalActivator(string ip, int port) =>
        _localActivator is not null
        && port is (NetworkingKeys.QueueHttpPort or NetworkingKeys.QueueHttp2Port or NetworkingKeys.QueueHttpsPort)
        && IPAddress.TryParse(ip, out var address)
        && address.Equals(_localActivator);

    private static Dictionary<string, BackendEndpoint> KnownEndpoints(Backend backend)
    {
        var endpoints = backend.State.Endpoints;
        var known = new Dictionary<string, BackendEndpoint>(endpoints.Length, StringComparer.Ordinal);
        foreach (var endpoint in endpoints)
        {
            known[endpoint.Address] = endpoint;
        }

        return known;
    }

    private static BackendEndpoint Reuse(Dictionary<string, BackendEndpoint> known, string address, bool local) =>
        known.TryGetValue(address, out var endpoint) && endpoint.LocalActivator == local
            ? endpoint
            : known[address] = new BackendEndpoint(address, local);

    /// <summary>A backend, the number of its uses by routes, and the backends that are aliases of it.</summary>
    private sealed class Entry(Backend backend)
    {
        public Backend Backend => backend;

        public int Uses { get; set; }

        public HashSet<Entry> Aliases { get; } = [];
    }
}
