using System.Net;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Kubernetes;

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

    private readonly Lock gate = new();
    private readonly Dictionary<BackendKey, Backend> backends = [];
    private readonly Dictionary<ObjectKey, List<Backend>> byService = [];
    private readonly IInformer<CoreService> services;
    private readonly IInformer<Endpoints> endpoints;
    private readonly List<IDisposable> registrations = [];
    private readonly string serviceSuffix;
    private readonly string gatewayDomain;
    private readonly IPAddress? localActivator;

    /// <param name="informers">Provides the caches.</param>
    /// <param name="clusterDomain">The DNS domain of the cluster.</param>
    /// <param name="gatewayDomain">The DNS name of the cluster-local listener.</param>
    /// <param name="localActivator">The address of the activator in this process; null if there is none.</param>
    public BackendRegistry(IInformers informers, string clusterDomain, string gatewayDomain, IPAddress? localActivator)
    {
        services = informers.For(Resources.Services);
        endpoints = informers.For(Resources.Endpoints);
        serviceSuffix = ".svc." + clusterDomain;
        this.gatewayDomain = gatewayDomain;
        this.localActivator = localActivator;
        registrations.Add(services.AddHandler(change => Refresh(change.Key)));
        registrations.Add(endpoints.AddHandler(change => Refresh(change.Key)));
    }

    /// <summary>Raised when a backend gets its first endpoint or loses its last. Called by informers: must return quickly.</summary>
    public event Action? AvailabilityChanged;

    /// <summary>Completes when the caches of Services and Endpoints have synced.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellation) => Task.WhenAll(services.WaitForSyncAsync(cancellation), endpoints.WaitForSyncAsync(cancellation));

    public void Dispose() => registrations.ForEach(static registration => registration.Dispose());

    /// <summary>The backend of a key; always the same instance while a route refers to it.</summary>
    public Backend Get(BackendKey key)
    {
        lock (gate)
        {
            return GetLocked(key, 0);
        }
    }

    /// <summary>Removes all backends except these and the ones they are aliases of.</summary>
    public void Keep(IEnumerable<Backend> used)
    {
        lock (gate)
        {
            var kept = new HashSet<BackendKey>();
            foreach (var backend in used)
            {
                for (var each = backend; each is not null && kept.Add(each.Key);)
                {
                    each = each.State.Alias;
                }
            }

            foreach (var key in backends.Keys.Where(key => !kept.Contains(key)).ToList())
            {
                backends.Remove(key, out var removed);
                var service = new ObjectKey(key.Namespace, key.Service);
                var siblings = byService[service];
                siblings.Remove(removed!);
                if (siblings.Count == 0)
                {
                    byService.Remove(service);
                }
            }
        }
    }

    private void Refresh(ObjectKey service)
    {
        var changed = false;
        lock (gate)
        {
            if (!byService.TryGetValue(service, out var affected))
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
        if (!backends.TryGetValue(key, out var backend))
        {
            backend = new Backend(key);
            backends.Add(key, backend);
            var service = new ObjectKey(key.Namespace, key.Service);
            if (!byService.TryGetValue(service, out var siblings))
            {
                byService.Add(service, siblings = []);
            }

            siblings.Add(backend);
            backend.Replace(StateOf(backend, depth));
        }

        return backend;
    }

    private BackendState StateOf(Backend backend, int depth)
    {
        var key = backend.Key;
        if (services.Lister.Get(key.Namespace, key.Service)?.Spec is not { } spec)
        {
            return new BackendState();
        }

        var port = spec.Ports.FirstOrDefault(port => key.Port.Text is { } name ? port.Name == name : port.Port == key.Port.Int);
        var https = port is { Name: NetworkingKeys.ServicePortNameHttps };
        var http2 = https ? spec.Ports.Any(IsH2C) : port is not null && IsH2C(port);
        if (spec.Type == ExternalNameType)
        {
            return ExternalState(backend, spec.ExternalName.TrimEnd('.'), port?.Port ?? (key.Port.Int == 0 ? NetworkingKeys.ServiceHttpPort : key.Port.Int), http2, depth);
        }

        return port is null ? new BackendState() : new BackendState { Endpoints = ReadyEndpoints(backend, port), Http2 = http2, Https = https };
    }

    /// <summary>Whether a port speaks h2c. The TLS port has the same name for every revision, so the protocol is taken from the other port.</summary>
    private static bool IsH2C(ServicePort port)
        => port is { Name: NetworkingKeys.ServicePortNameH2C or NetworkingKeys.ProtocolH2C } or { AppProtocol: AppProtocolH2C };

    private BackendState ExternalState(Backend backend, string name, int port, bool http2, int depth)
    {
        if (name.Equals(gatewayDomain, StringComparison.OrdinalIgnoreCase))
        {
            return new BackendState { LeadsToGateway = true };
        }

        if (name.EndsWith(serviceSuffix, StringComparison.OrdinalIgnoreCase) && name[..^serviceSuffix.Length].Split('.') is [var service, var ns])
        {
            return depth < MaxAliasDepth ? new BackendState { Alias = GetLocked(new BackendKey(ns, service, port), depth + 1) } : new BackendState();
        }

        return new BackendState { Endpoints = [Reuse(backend, BackendEndpoint.AddressOf(name, port), local: false)], Http2 = http2 };
    }

    private BackendEndpoint[] ReadyEndpoints(Backend backend, ServicePort port)
    {
        var result = new List<BackendEndpoint>();
        foreach (var subset in endpoints.Lister.Get(backend.Key.Namespace, backend.Key.Service)?.Subsets ?? [])
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

    private bool IsLocalActivator(string ip, int port)
        => localActivator is not null
            && port is (NetworkingKeys.QueueHttpPort or NetworkingKeys.QueueHttp2Port or NetworkingKeys.QueueHttpsPort)
            && IPAddress.TryParse(ip, out var address)
            && address.Equals(localActivator);

    private static BackendEndpoint Reuse(Backend backend, string address, bool local)
        => Array.Find(backend.State.Endpoints, endpoint => endpoint.Address == address && endpoint.LocalActivator == local) ?? new BackendEndpoint(address, local);
}
