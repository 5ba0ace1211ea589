using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api.Core;
using Serving.Api.WellKnown;

namespace Serving.LocalCluster.Node.Variables;

/// <summary>
/// The actual ports of a pod. The pods of a machine share its network, and programs listen on all addresses: two programs
/// on 8080 would conflict, and one would respond to the other's probes. So in a pod with Knative's sidecar the user's
/// program gets its own free port, and the sidecar connects to it. Only the environment of the
/// processes changes; the Pod object is unchanged. The sidecar, and pods without one, use the pod's own address.
/// </summary>
/// <param name="Address">The pod's own address.</param>
/// <param name="ContainerPort">The port of the user container in the pod spec; 0 without a sidecar or a port.</param>
/// <param name="UserPort">The port that the user's program gets instead.</param>
/// <param name="SidecarPorts">The ports the sidecar listens on; empty without a sidecar.</param>
internal sealed record PodPorts(IPAddress Address, int ContainerPort, int UserPort, IReadOnlySet<int> SidecarPorts)
{
    /// <summary>The ports of a pod; <paramref name="freePort"/> is called only when the pod needs one.</summary>
    public static PodPorts Of(Pod pod, IPAddress address, Func<int> freePort)
    {
        var containers = pod.Spec!.Containers;
        if (containers.FirstOrDefault(c => c.Name == ContainerNames.QueueProxy) is not { } sidecar)
        {
            return new PodPorts(address, 0, 0, new HashSet<int>());
        }

        var port = UserPortOf(containers);
        return new PodPorts(address, port, port == 0 ? 0 : freePort(), sidecar.Ports.Select(p => p.Number).Append(8022).ToHashSet());
    }

    /// <summary>The endpoint for a probe or hook of <paramref name="container"/> with <paramref name="port"/>.</summary>
    public IPEndPoint Target(string container, int port)
    {
        if (SidecarPorts.Count == 0 || container == ContainerNames.QueueProxy || SidecarPorts.Contains(port))
        {
            return new IPEndPoint(Address, port);
        }

        return new IPEndPoint(IPAddress.Loopback, port == ContainerPort ? UserPort : port);
    }

    /// <summary>Sets the actual ports in the environment of a container.</summary>
    public void Rewrite(Container container, Dictionary<string, string> environment)
    {
        if (SidecarPorts.Count == 0)
        {
            if (container.Ports.Count > 0)
            {
                environment.TryAdd("PORT", Text(container.Ports[0].Number));
            }

            // Whether declared or not: with a listener on all addresses, the port would be in use for a second pod of the program.
            environment.TryAdd("LISTEN_ADDRESS", Address.ToString());
            return;
        }

        if (container.Name != ContainerNames.QueueProxy)
        {
            if (
                ContainerPort != 0
                && (container.Ports.Any(p => p.Number == ContainerPort) || environment.GetValueOrDefault("PORT") == Text(ContainerPort))
            )
            {
                environment["PORT"] = Text(UserPort);
            }

            environment.TryAdd("LISTEN_ADDRESS", IPAddress.Loopback.ToString());
            return;
        }

        if (ContainerPort != 0)
        {
            environment["USER_PORT"] = Text(UserPort);
            if (environment.TryGetValue("SERVING_READINESS_PROBE", out var probe) && probe.Length > 0)
            {
                environment["SERVING_READINESS_PROBE"] = RewriteProbe(probe);
            }
        }
    }

    private static int UserPortOf(IReadOnlyList<Container> containers)
    {
        var ports = containers.Where(c => c.Name != ContainerNames.QueueProxy).SelectMany(c => c.Ports).ToList();
        return (ports.Find(p => p.Name == "user-port") ?? ports.FirstOrDefault())?.Number ?? 0;
    }

    // One probe or, with multi-container probing, a list of them.
    private string RewriteProbe(string json)
    {
        JsonNode? document;
        try
        {
            document = JsonNode.Parse(json);
        }
        catch (JsonException)
        {
            // The sidecar validates it and reports errors.
            return json;
        }

        foreach (var probe in document is JsonArray list ? list : [document])
        {
            foreach (var handler in (string[])["httpGet", "tcpSocket", "grpc"])
            {
                if (
                    probe?[handler] is JsonObject action
                    && (action["port"] is not JsonValue port || port.ToString() is "0" or "" || port.ToString() == Text(ContainerPort))
                )
                {
                    action["port"] = UserPort;
                }
            }
        }

        return document!.ToJsonString();
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
