using System.Text;
using System.Text.Json;
using Serving.Api.Core;

namespace Serving.LocalCluster.Node.Variables;

/// <summary>The downward API (fieldRef and resourceFieldRef).</summary>
internal static class DownwardApi
{
    /// <summary>The value of a field of <paramref name="pod"/>. Throws <see cref="ContainerConfigException"/> for an unsupported
    /// field.</summary>
    public static string Field(Pod pod, string path, string podIP) =>
        path switch
        {
            "metadata.name" => pod.Metadata.Name,
            "metadata.namespace" => pod.Metadata.Namespace,
            "metadata.uid" => pod.Metadata.Uid,
            "metadata.labels" => Map(pod.Metadata.Labels),
            "metadata.annotations" => Map(pod.Metadata.Annotations),
            "spec.nodeName" => pod.Spec!.NodeName,
            "spec.serviceAccountName" => pod.Spec!.ServiceAccountName is { Length: > 0 } name ? name : "default",
            "status.hostIP" or "status.hostIPs" => NodeStatus.Address,
            "status.podIP" or "status.podIPs" => podIP,
            _ when Subscript(path, "metadata.labels") is { } key => pod.Metadata.Labels.GetValueOrDefault(key, ""),
            _ when Subscript(path, "metadata.annotations") is { } key => pod.Metadata.Annotations.GetValueOrDefault(key, ""),
            _ => throw new ContainerConfigException($"unsupported fieldPath: {path}"),
        };

    /// <summary>
    /// A request or limit of a container; an unset limit is the machine's capacity, as in a cluster.
    /// </summary>
    public static string Resource(Pod pod, Container container, ResourceFieldSelector selector)
    {
        var of =
            selector.ContainerName.Length == 0
                ? container
                : pod.Spec!.Containers.Concat(pod.Spec.InitContainers).FirstOrDefault(c => c.Name == selector.ContainerName)
                    ?? throw new ContainerConfigException($"container {selector.ContainerName} not found");
        var (kind, resource) = selector.Resource.Split('.', 2) switch
        {
            [var k, var r] when k is "limits" or "requests" => (k, r),
            _ => throw new ContainerConfigException($"unsupported container resource: {selector.Resource}"),
        };

        var limit = of.Resources?.Limits?.TryGetValue(resource, out var l) == true ? ResourceAmount.Of(l) : (decimal?)null;
        var request = of.Resources?.Requests?.TryGetValue(resource, out var q) == true ? ResourceAmount.Of(q) : (decimal?)null;
        var amount = kind == "limits" ? limit ?? NodeStatus.Capacity(resource) : request ?? limit ?? 0;
        var divisor = selector.Divisor is { ValueKind: JsonValueKind.String or JsonValueKind.Number } d
            ? ResourceAmount.Of(d.ToString())
            : 0;
        return ResourceAmount.InUnitsOf(amount, divisor);
    }

    private static string? Subscript(string path, string of) =>
        path.StartsWith(of + "['", StringComparison.Ordinal) && path.EndsWith("']", StringComparison.Ordinal)
            ? path[(of.Length + 2)..^2]
            : null;

    private static string Map(IReadOnlyDictionary<string, string> map)
    {
        var text = new StringBuilder();
        foreach (var (key, value) in map.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            text.Append(text.Length == 0 ? "" : "\n")
                .Append(key)
                .Append("=\"")
                .Append(
                    value
                        .Replace("\\", "\\\\", StringComparison.Ordinal)
                        .Replace("\"", "\\\"", StringComparison.Ordinal)
                        .Replace("\n", "\\n", StringComparison.Ordinal)
                )
                .Append('"');
        }

        return text.ToString();
    }
}
