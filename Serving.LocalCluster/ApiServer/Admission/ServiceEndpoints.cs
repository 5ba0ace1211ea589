using System.Net;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Admission;

/// <summary>Resolves a Service to its ready endpoints.</summary>
internal static class ServiceEndpoints
{
    /// <summary>Parses <c>NAME.NAMESPACE.svc</c>.</summary>
    public static bool IsServiceName(string host, out string ns, out string name)
    {
        var parts = host.Split('.');
        (ns, name) = parts is [_, _, "svc"] ? (parts[1], parts[0]) : ("", "");
        return name.Length > 0;
    }

    /// <summary>The ready addresses for a Service's port, in no particular order.</summary>
    /// <exception cref="HttpRequestException">The Service or port does not exist, or has no ready endpoints.</exception>
    public static IPEndPoint[] Resolve(ObjectStore store, string ns, string name, int port)
    {
        var service = store.Get("", "services", ns, name)?.Document() ?? throw new HttpRequestException($"service \"{name}\" not found");
        var wanted =
            (service.Array("spec", "ports") ?? []).FirstOrDefault(p => p.Integer("port") == port)
            ?? throw new HttpRequestException($"no service port {port} found for service \"{name}\"");
        var portName = wanted.String("name") ?? "";
        var found = FromEndpoints(store, ns, name, portName);
        if (found.Count == 0)
            found = FromSlices(store, ns, name, portName);
        if (found.Count == 0)
            throw new HttpRequestException($"no endpoints available for service \"{name}\"");
        var shuffled = found.ToArray();
        Random.Shared.Shuffle(shuffled);
        return shuffled;
    }

    private static List<IPEndPoint> FromEndpoints(ObjectStore store, string ns, string name, string portName)
    {
        var found = new List<IPEndPoint>();
        foreach (var subset in store.Get("", "endpoints", ns, name)?.Document().Array("subsets") ?? [])
            Add(found, (subset.Array("addresses") ?? []).Select(a => a.String("ip")), subset.Array("ports"), portName);
        return found;
    }

    private static List<IPEndPoint> FromSlices(ObjectStore store, string ns, string name, string portName)
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
}
