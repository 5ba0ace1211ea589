using System.Net;
using System.Net.Sockets;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Host.DefaultDomains;

/// <summary>
/// Finds the address of the gateway's Service by its type: that of the load balancer, or of a node that runs a ready pod of the gateway
/// when the Service has a node port or its pods have a host port. Invariant: no address before one of the gateway's pods is ready.
/// </summary>
internal sealed class GatewayAddressFinder
{
    private const int HttpPort = 80;

    private readonly IKubernetesClient _client;
    private readonly string _namespace;
    private readonly string _name;
    private readonly Func<string, CancellationToken, Task<IPAddress[]>> _resolve;

    /// <param name="client">May get the Service and its nodes, and list pods in the Service's namespace.</param>
    /// <param name="ns">The Service's namespace.</param>
    /// <param name="name">The Service's name.</param>
    /// <param name="resolve">Resolves a load balancer's host name; throws <see cref="SocketException"/> when it cannot.</param>
    public GatewayAddressFinder(
        IKubernetesClient client,
        string ns,
        string name,
        Func<string, CancellationToken, Task<IPAddress[]>> resolve
    )
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(resolve);
        ArgumentException.ThrowIfNullOrEmpty(ns);
        ArgumentException.ThrowIfNullOrEmpty(name);
        _client = client;
        _namespace = ns;
        _name = name;
        _resolve = resolve;
    }

    private static ResourceType<Unstructured> Nodes { get; } = Unstructured.Type("", "v1", "nodes", "Node", namespaced: false);

    private string Service => $"Service {_namespace}/{_name}";

    /// <summary>Looks once. Throws <see cref="KubernetesException"/> when the server rejects a request.</summary>
    public async Task<GatewayLookup> FindAsync(CancellationToken cancellation)
    {
        CoreServiceSpec spec;
        LoadBalancerStatus balancer;
        try
        {
            var service = await _client.GetAsync(Resources.Services, _namespace, _name, cancellation);
            spec = service.Spec ?? new CoreServiceSpec();
            balancer = service.Status?.LoadBalancer ?? new LoadBalancerStatus();
        }
        catch (KubernetesException absent) when (absent.IsNotFound)
        {
            return GatewayLookup.Missing($"{Service} does not exist; install Serving, or name the gateway's Service with --service");
        }

        if (spec.Type == "ExternalName" || spec.Selector.Count == 0)
        {
            return GatewayLookup.Missing($"{Service}: spec.selector selects no pods; name the Service in front of the gateway's pods");
        }

        var selector = string.Join(',', spec.Selector.Select(static label => $"{label.Key}={label.Value}"));
        var pods = await _client.ListAsync(Resources.Pods, _namespace, new ListOptions(LabelSelector: selector), cancellation);
        var ready = pods.Items.Where(IsServing).ToList();
        if (ready.Count == 0)
        {
            return GatewayLookup.Missing(
                $"{Service}: none of its {pods.Items.Count} pods is ready; see kubectl -n {_namespace} get pods -l {selector}"
            );
        }

        return spec.Type switch
        {
            "LoadBalancer" => await BalancerAsync(balancer, cancellation),
            "NodePort" => await NodePortAsync(spec, ready, cancellation),
            _ => await HostPortAsync(spec, ready, cancellation),
        };
    }

    /// <summary>The balancer's first IP address, IPv4 before IPv6; without one its first host name that resolves.</summary>
    private async Task<GatewayLookup> BalancerAsync(LoadBalancerStatus balancer, CancellationToken cancellation)
    {
        const string Field = "status.loadBalancer.ingress";
        if (Preferred(balancer.Ingress.Select(static entry => entry.Ip)) is { } address)
        {
            return GatewayLookup.Found(address, HttpPort, $"{Field} of {Service}");
        }

        GatewayLookup? unresolved = null;
        foreach (var host in balancer.Ingress.Select(static entry => entry.Hostname).Where(static host => host.Length > 0))
        {
            try
            {
                if (Preferred(await _resolve(host, cancellation)) is { } resolved)
                {
                    return GatewayLookup.Found(resolved, HttpPort, $"{host}, {Field} of {Service}");
                }

                unresolved ??= GatewayLookup.Missing($"{Service}: {Field} names {host}, which has no address in DNS yet");
            }
            catch (SocketException failure)
            {
                unresolved ??= GatewayLookup.Missing(
                    $"{Service}: {Field} names {host}, which cannot be resolved ({failure.Message}); a new name takes some minutes"
                );
            }
        }

        return unresolved
            ?? GatewayLookup.Missing(
                $"{Service}: {Field} has no address: the cluster has assigned none. "
                    + "If it has no load balancers, apply serving-nodeport.yaml or serving-hostport.yaml"
            );
    }

    private async Task<GatewayLookup> NodePortAsync(CoreServiceSpec spec, IReadOnlyList<Pod> ready, CancellationToken cancellation)
    {
        if (Http(spec)?.NodePort is not ({ } port and > 0))
        {
            return GatewayLookup.Missing($"{Service}: spec.ports has no nodePort for port {HttpPort}");
        }

        return await NodeAsync(ready, port, $"node port {port} of {Service}", cancellation);
    }

    private async Task<GatewayLookup> HostPortAsync(CoreServiceSpec spec, IReadOnlyList<Pod> ready, CancellationToken cancellation)
    {
        var target = Http(spec)?.TargetPort ?? HttpPort;
        var exposed = ready.Where(pod => HostPort(pod, target) is not null).ToList();
        return exposed.Count == 0
            ? GatewayLookup.Missing(
                $"{Service}: spec.type {spec.Type} is reachable only inside the cluster, and its pods have no hostPort for port {target}; "
                    + "apply serving.yaml (load balancer), serving-nodeport.yaml or serving-hostport.yaml"
            )
            : await NodeAsync(exposed, HostPort(exposed[0], target)!.Value, $"a host port of the pods of {Service}", cancellation);
    }

    /// <summary>An address of a node that runs one of the pods: an external one of any of the nodes, else an internal one.</summary>
    private async Task<GatewayLookup> NodeAsync(IEnumerable<Pod> pods, int port, string source, CancellationToken cancellation)
    {
        var names = pods.Select(static pod => pod.Spec!.NodeName).Distinct().Order(StringComparer.Ordinal).ToList();
        (IPAddress Address, string Node)? inner = null;
        foreach (var name in names)
        {
            Unstructured node;
            try
            {
                node = await _client.GetAsync(Nodes, null, name, cancellation);
            }
            catch (KubernetesException gone) when (gone.IsNotFound)
            {
                continue;
            }

            if (Preferred(AddressesOf(node, "ExternalIP")) is { } external)
            {
                return GatewayLookup.Found(external, port, $"Node {name}, {source}");
            }

            inner ??= Preferred(AddressesOf(node, "InternalIP")) is { } address ? (address, name) : null;
        }

        return inner is { } found
            ? GatewayLookup.Found(found.Address, port, $"Node {found.Node}, {source}")
            : GatewayLookup.Missing($"Node {string.Join(", ", names)}: status.addresses has neither an ExternalIP nor an InternalIP");
    }

    private static bool IsServing(Pod pod) => pod.Spec is { NodeName.Length: > 0 } && PodState.IsServing(pod);

    private static ServicePort? Http(CoreServiceSpec spec) => spec.Ports.FirstOrDefault(static port => port.Port == HttpPort);

    private static int? HostPort(Pod pod, IntOrString target) =>
        pod.Spec!.Containers.SelectMany(static container => container.Ports)
            .FirstOrDefault(port => port.HostPort is > 0 && (target.Text is { } name ? port.Name == name : port.Number == target.Int))
            ?.HostPort;

    private static IEnumerable<string> AddressesOf(Unstructured node, string type) =>
        node.Get("status", "addresses") is { ValueKind: System.Text.Json.JsonValueKind.Array } addresses
            ? addresses
                .EnumerateArray()
                .Where(entry => entry.GetProperty("type").GetString() == type)
                .Select(static entry => entry.GetProperty("address").GetString() ?? "")
            : [];

    private static IPAddress? Preferred(IEnumerable<string> texts) =>
        Preferred(texts.Select(static text => IPAddress.TryParse(text, out var address) ? address : null).OfType<IPAddress>());

    /// <summary>The first IPv4 address, else the first IPv6 address: more clients reach the former.</summary>
    private static IPAddress? Preferred(IEnumerable<IPAddress> addresses) =>
        addresses.OrderBy(static address => address.AddressFamily == AddressFamily.InterNetwork ? 0 : 1).FirstOrDefault();
}
