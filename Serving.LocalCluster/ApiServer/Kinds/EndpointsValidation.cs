using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>
/// Validates Endpoints and EndpointSlices. Loopback addresses, which Kubernetes rejects, are allowed: they are the addresses of this
/// cluster's pods.
/// </summary>
internal static class EndpointsValidation
{
    private static readonly string[] Protocols = ["SCTP", "TCP", "UDP"];

    public static void Check(JsonObject endpoints, List<FieldError> errors)
    {
        var subsets = endpoints.Array("subsets") ?? [];
        for (var i = 0; i < subsets.Count; i++)
        {
            var here = $"subsets[{i}]";
            var ready = subsets[i].Array("addresses") ?? [];
            var unready = subsets[i].Array("notReadyAddresses") ?? [];
            if (ready.Count + unready.Count == 0)
                errors.Add(FieldError.Required(here, "must specify `addresses` or `notReadyAddresses`"));
            Addresses(ready, $"{here}.addresses", errors);
            Addresses(unready, $"{here}.notReadyAddresses", errors);
            Ports(subsets[i].Array("ports") ?? [], $"{here}.ports", mayLackNumber: false, errors);
        }
    }

    public static void CheckSlice(JsonObject slice, JsonObject? old, List<FieldError> errors)
    {
        var type = slice.String("addressType") ?? "";
        if (type.Length == 0)
            errors.Add(FieldError.Required("addressType"));
        else if (type is not ("IPv4" or "IPv6" or "FQDN"))
            errors.Add(FieldError.NotSupported("addressType", type, ["FQDN", "IPv4", "IPv6"]));
        if (old is not null && old.String("addressType") != type)
            errors.Add(FieldError.Invalid("addressType", type, "field is immutable"));
        var endpoints = slice.Array("endpoints") ?? [];
        for (var i = 0; i < endpoints.Count; i++)
        {
            var addresses = endpoints[i].Array("addresses") ?? [];
            if (addresses.Count == 0)
                errors.Add(FieldError.Required($"endpoints[{i}].addresses", "must contain at least 1 address"));
            for (var j = 0; j < addresses.Count; j++)
            {
                if (type is "IPv4" or "IPv6" && !IsAddress(addresses[j]?.ToString(), type == "IPv6"))
                    errors.Add(FieldError.Invalid($"endpoints[{i}].addresses[{j}]", addresses[j], $"must be a valid {type} address"));
            }
        }

        Ports(slice.Array("ports") ?? [], "ports", mayLackNumber: true, errors);
    }

    private static void Addresses(JsonArray addresses, string path, List<FieldError> errors)
    {
        for (var i = 0; i < addresses.Count; i++)
        {
            var address = addresses[i].String("ip") ?? "";
            if (!IsAddress(address, isV6: null))
                errors.Add(FieldError.Invalid($"{path}[{i}].ip", address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"));
            if (addresses[i].String("hostname") is { Length: > 0 } host && !Names.IsLabel(host))
                errors.Add(FieldError.Invalid($"{path}[{i}].hostname", host, Names.LabelRule));
        }
    }

    private static void Ports(JsonArray ports, string path, bool mayLackNumber, List<FieldError> errors)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < ports.Count; i++)
        {
            var name = ports[i].String("name") ?? "";
            if (name.Length == 0 && ports.Count > 1 && !mayLackNumber)
                errors.Add(FieldError.Required($"{path}[{i}].name"));
            else if (name.Length > 0 && !Names.IsLabel(name))
                errors.Add(FieldError.Invalid($"{path}[{i}].name", name, Names.LabelRule));
            else if (!seen.Add(name) && mayLackNumber)
                errors.Add(FieldError.Duplicate($"{path}[{i}].name", name));
            if (!(ports[i].Integer("port") is >= 1 and <= 65535 || (mayLackNumber && ports[i]?["port"] is null)))
                errors.Add(FieldError.Invalid($"{path}[{i}].port", ports[i]?["port"], "must be between 1 and 65535, inclusive"));
            if (ports[i].String("protocol") is { } protocol && !Protocols.Contains(protocol))
                errors.Add(FieldError.NotSupported($"{path}[{i}].protocol", protocol, Protocols));
        }
    }

    private static bool IsAddress(string? text, bool? isV6) =>
        IPAddress.TryParse(text, out var address)
        && (isV6 is null || address.AddressFamily == (isV6.Value ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork));
}
