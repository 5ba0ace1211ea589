using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>
/// Allocates the cluster IPs of Services, from 10.96.0.0/16, and node ports, from 30000-32767. Nothing listens there: clients of the local
/// cluster use a Service's endpoints.
/// </summary>
internal sealed class ServiceAllocator(ObjectStore store)
{
    private const int Addresses = 65000;

    private readonly Lock _gate = new();
    private readonly HashSet<string> _given = new(StringComparer.Ordinal);
    private int _next;

    /// <summary>Sets the cluster IP and node ports of a Service; existing values are kept.</summary>
    public void Allocate(JsonObject service, JsonObject? old)
    {
        var spec = service.Child("spec");
        var type = spec.String("type");
        if (type == "ExternalName")
        {
            spec.Remove("clusterIPs");
            if (spec.String("clusterIP") is not { Length: > 0 })
                spec.Remove("clusterIP");
            return;
        }

        lock (_gate)
        {
            if (spec.String("clusterIP") is not { Length: > 0 })
                spec["clusterIP"] =
                    old?.String("spec", "clusterIP") is { Length: > 0 } kept ? kept
                    : spec.Array("clusterIPs") is [{ } first, ..] ? first.GetValue<string>()
                    : NextAddress();
            spec["clusterIPs"] = new JsonArray(spec.String("clusterIP"));
            spec.Default("ipFamilies", new JsonArray("IPv4"));
            spec.Default("ipFamilyPolicy", "SingleStack");
            if (type is "NodePort" or "LoadBalancer")
                AllocatePorts(spec, old);
        }
    }

    private void AllocatePorts(JsonObject spec, JsonObject? old)
    {
        var used = store
            .All("", "services")
            .SelectMany(s => s.Document().Array("spec", "ports") ?? [])
            .Select(p => p.Integer("nodePort") ?? 0)
            .ToHashSet();
        foreach (var port in (spec.Array("ports") ?? []).OfType<JsonObject>())
        {
            if (port.Integer("nodePort") is > 0)
                continue;
            var before = (old?.Array("spec", "ports") ?? [])
                .FirstOrDefault(p => p.Integer("port") == port.Integer("port"))
                ?.Integer("nodePort");
            var number = before is > 0 ? before.Value : 30000;
            while (before is null && used.Contains(number))
                number++;
            used.Add(number);
            port["nodePort"] = number;
        }
    }

    private string NextAddress()
    {
        // Addresses of deleted Services are reused only after all others, so that clients no longer have them cached.
        if (_given.Count is 0 or >= Addresses)
        {
            _given.Clear();
            foreach (var service in store.All("", "services"))
                _given.Add(service.Document().String("spec", "clusterIP") ?? "");
        }

        string address;
        do
        {
            // 10.96.0.1 belongs to the API server, by convention.
            _next = (_next + 1) % Addresses;
            address = $"10.96.{(_next + 1) / 256}.{(_next + 1) % 256}";
        } while (!_given.Add(address) && _given.Count < Addresses);
        return address;
    }
}
