using System.Net;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Kubernetes;
using Serving.Kubernetes.Informers;

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
    private readonly Dictionary<BackendKey, Backend> _backends = [];
    private readonly Dictionary<ObjectKey, List<Backend>> _byService = [];
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

    /// <summary>Raised when a backend gets its first endpoint or loses its last. Called by informers: must return quickly.</summary>
    public event Action? AvailabilityChanged;

    /// <summary>Completes when the caches of Services and Endpoints have synced.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellation) =>
        Task.WhenAll(_services.WaitForSyncAsync(cancellation), _endpoints.WaitForSyncAsync(cancellation));

    public void Dispose() => _registrations.ForEach(static registration => registration.Dispose());

    /// <summary>The backend of a key; always the same instance while a route refers to it.</summary>
    public Backend Get(BackendKey key)
    {
        lock (_gate)
        {
            return GetLocked(key, 0);
        }
    }

    /// <summary>Removes all backends except these and the ones they are aliases of.</summary>
    public void Keep(IEnumerable<Backend> used)
    {
        lock (_gate)
        {
            var kept = new HashSet<BackendKey>();
            foreach (var backend in used)
            {
                for (var each = backend; each is not null && kept.Add(each.Key); )
                {
                    each = each.State.Alias;
                }
            }

            foreach (var key in _backends.Keys.Where(key => !kept.Contains(key)).ToList())
            {
                _backends.Remove(key, out var removed);
                var service = new ObjectKey(key.Namespace, key.Service);
                var siblings = _byService[service];
                siblings.Remove(removed!);
                if (siblings.Count == 0)
                {
                    _byService.Remove(service);
                }
            }
        }
    }

    private void Refresh(ObjectKey service)
    {
        var changed = false;
        lock (_gate)
        {
            if (!_byService.TryGetValue(service, out var affected))
            {
                return;
            }

            foreach (var backend in affected.ToList())
            {
                var before = backend.Available;
                backend.Replace(StateOf(backend, 0));
                changed |= before != backend.Available;
            }
        }

        if (changed)
        {
            AvailabilityChanged?.Invoke();
        }
    }

    private Backend GetLocked(BackendKey key, int depth)
    {
        if (!_backends.TryGetValue(key, out var backend))
        {
            backend = new Backend(key);
            _backends.Add(key, backend);
            var service = new ObjectKey(key.Namespace, key.Service);
            if (!_byService.TryGetValue(service, out var siblings))
            {
                _byService.Add(service, siblings = []);
            }

            siblings.Add(backend);
            backend.Replace(StateOf(backend, depth));
        }

        return backend;
    }

    private BackendState StateOf(Backend backend, int depth)
    {
        var key = backend.Key;
        if (_services.Lister.Get(key.Namespace, key.Service)?.Spec is not { } spec)
        {
            return new BackendState();
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

        return port is null
            ? new BackendState()
            : new BackendState
            {
                Endpoints = ReadyEndpoints(backend, port),
                Http2 = http2,
                Https = https,
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
                ? new BackendState { Alias = GetLocked(new BackendKey(ns, service, port), depth + 1) }
                : new BackendState();
        }

        return new BackendState { Endpoints = [Reuse(backend, BackendEndpoint.AddressOf(name, port), local: false)], Http2 = http2 };
    }

    private BackendEndpoint[] ReadyEndpoints(Backend backend, ServicePort port)
    {
        var result = new List<BackendEndpoint>();
        foreach (var subset in _endpoints.Lister.Get(backend.Key.Namespace, backend.Key.Service)?.Subsets ?? [])
        {
            var target = subset.Ports.FirstOrDefault(candidate => candidate.Name == port.Name)?.Port;
            if (target is null)
            {
                continue;
            }

            foreach (var address in subset.Addresses)
            {
                result.Add(Reuse(backend, BackendEndpoint.AddressOf(address.Ip, target.Value), IsLocalActivator(address.Ip, target.Value)));
            }
        }

        return [.. result];
    }

    private bool IsLocalActivator(string ip, int port) =>
        _localActivator is not null
        && port is (NetworkingKeys.QueueHttpPort or NetworkingKeys.QueueHttp2Port or NetworkingKeys.QueueHttpsPort)
        && IPAddress.TryParse(ip, out var address)
        && address.Equals(_localActivator);

    private static BackendEndpoint Reuse(Backend backend, string address, bool local) =>
        Array.Find(backend.State.Endpoints, endpoint => endpoint.Address == address && endpoint.LocalActivator == local)
        ?? new BackendEndpoint(address, local);
}
