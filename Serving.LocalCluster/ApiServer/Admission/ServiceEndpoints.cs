using System.Collections.Concurrent;
using System.Net;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Admission;

/// <summary>Resolves Services to their ready endpoints. What was found in the Endpoints of a Service is kept until either changes: nearly
/// every write asks for those of the same webhook.</summary>
internal sealed class ServiceEndpoints(ObjectStore store)
{
    private const int MostKnown = 64;

    private readonly ConcurrentDictionary<(string Namespace, string Name, int Port), Known> _known = new();

    /// <summary>Parses <c>NAME.NAMESPACE.svc</c>.</summary>
    public static bool IsServiceName(string host, out string ns, out string name)
    {
        var parts = host.Split('.');
        (ns, name) = parts is [_, _, "svc"] ? (parts[1], parts[0]) : ("", "");
        return name.Length > 0;
    }

    /// <summary>The ready addresses for a Service's port, in no particular order.</summary>
    /// <exception cref="HttpRequestException">The Service or port does not exist, or has no ready endpoints.</exception>
    public IPEndPoint[] Resolve(string ns, string name, int port)
    {
        var service = store.Get("", "services", ns, name) ?? throw new HttpRequestException($"service \"{name}\" not found");
        var endpoints = store.Get("", "endpoints", ns, name);
        var key = (ns, name, port);
        if (!_known.TryGetValue(key, out var known) || known.Service != service || known.Endpoints != endpoints)
        {
            known = Find(service, endpoints, port);
            if (_known.Count >= MostKnown)
                _known.Clear();
            if (known.IsFromEndpoints)
                _known[key] = known;
        }

        var shuffled = known.Addresses.ToArray();
        Random.Shared.Shuffle(shuffled);
        return shuffled;
    }

    private Known Find(StoredObject service, StoredObject? endpoints, int port)
    {
        var name = service.Name;
        var wanted =
            (service.Document().Array("spec", "ports") ?? []).FirstOrDefault(p => p.Integer("port") == port)
            ?? throw new HttpRequestException($"no service port {port} found for service \"{name}\"");
        var portName = wanted.String("name") ?? "";
        var found = FromEndpoints(endpoints, portName);
        var isFromEndpoints = found.Count > 0;
        if (!isFromEndpoints)
            found = FromSlices(service.Namespace, name, portName);
        return found.Count > 0
            ? new Known(service, endpoints, [.. found], isFromEndpoints)
            : throw new HttpRequestException($"no endpoints available for service \"{name}\"");
    }

    private static List<IPEndPoint> FromEndpoints(StoredObject? endpoints, string portName)
    {
        var found = new List<IPEndPoint>();
        foreach (var subset in endpoints?.Document().Array("subsets") ?? [])
            Add(found, (subset.Array("addresses") ?? []).Select(a => a.String("ip")), subset.Array("ports"), portName);
        return found;
    }

    private List<IPEndPoint> FromSlices(string ns, string name, string portName)
    {
        var found = new List<IPEndPoint>();
        foreach (var slice in store.All("discovery.k8s.io", "endpointslices"))
        {
            if (slice.Namespace != ns || slice.Labels.GetValueOrDefault("kubernetes.io/service-name") != name)
                continue;
            var document = slice.Document();
            var ready = (document.Array("endpoints") ?? []).Where(e =>
                e.At("conditions", "ready") is null || e.True("conditions", "ready")
            );
            Add(
                found,
                ready.SelectMany(e => e.Array("addresses") ?? []).Select(a => a?.GetValue<string>()),
                document.Array("ports"),
                portName
            );
        }

        return found;
    }

    private static void Add(List<IPEndPoint> found, IEnumerable<string?> addresses, JsonArray? ports, string portName)
    {
        if ((ports ?? []).FirstOrDefault(p => (p.String("name") ?? "") == portName).Integer("port") is not { } number)
            return;
        foreach (var text in addresses)
        {
            if (IPAddress.TryParse(text, out var address))
                found.Add(new IPEndPoint(address, (int)number));
        }
    }

    private sealed record Known(StoredObject Service, StoredObject? Endpoints, IPEndPoint[] Addresses, bool IsFromEndpoints);
}
