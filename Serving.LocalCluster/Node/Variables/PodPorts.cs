using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api.Core;

namespace Serving.LocalCluster.Node.Variables;

/// <summary>
/// Where the ports of a pod really are. The pods of a machine share its network, and programs listen on every address: two
/// that want 8080 would clash, and one would answer the other's probes. So in a pod with Knative's sidecar the user's
/// program is told a free port of its own and the sidecar is told to look there. Only the environment of the
/// processes differs; the Pod object keeps what it says. The sidecar, and pods without one, use the pod's own address.
/// </summary>
/// <param name="Address">The pod's own address.</param>
/// <param name="ContainerPort">The user container's port as the pod states it; 0 when the pod has no sidecar or states none.</param>
/// <param name="UserPort">The port that the user's program gets in its place.</param>
/// <param name="SidecarPorts">The ports the sidecar listens on; empty without a sidecar.</param>
internal sealed record PodPorts(IPAddress Address, int ContainerPort, int UserPort, IReadOnlySet<int> SidecarPorts)
{
    /// <summary>The name of Knative's sidecar container.</summary>
    public const string Sidecar = "queue-proxy";

    /// <summary>The ports of a pod; <paramref name="freePort"/> is asked only when the pod needs one.</summary>
    public static PodPorts Of(Pod pod, IPAddress address, Func<int> freePort)
    {
        var containers = pod.Spec!.Containers;
        if (containers.FirstOrDefault(c => c.Name == Sidecar) is not { } sidecar)
        {
            return new PodPorts(address, 0, 0, new HashSet<int>());
        }

        var port = UserPortOf(containers);
        return new PodPorts(address, port, port == 0 ? 0 : freePort(), sidecar.Ports.Select(p => p.Number).Append(8022).ToHashSet());
    }

    /// <summary>Where a probe or hook of <paramref name="container"/> that names <paramref name="port"/> has to connect.</summary>
    public IPEndPoint Target(string container, int port)
    {
        if (SidecarPorts.Count == 0 || container == Sidecar || SidecarPorts.Contains(port))
        {
            return new IPEndPoint(Address, port);
        }

        return new IPEndPoint(IPAddress.Loopback, port == ContainerPort ? UserPort : port);
    }

    /// <summary>Puts the real ports into the environment of a container.</summary>
    public void Rewrite(Container container, Dictionary<string, string> environment)
    {
        if (SidecarPorts.Count == 0)
        {
            if (container.Ports.Count > 0)
            {
                environment.TryAdd("PORT", Text(container.Ports[0].Number));
            }

            // Declared or not: on every address, the second pod of a program would find its port taken.
            environment.TryAdd("LISTEN_ADDRESS", Address.ToString());
            return;
        }

        if (container.Name != Sidecar)
        {
            if (ContainerPort != 0 && (container.Ports.Any(p => p.Number == ContainerPort) || environment.GetValueOrDefault("PORT") == Text(ContainerPort)))
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
        var ports = containers.Where(c => c.Name != Sidecar).SelectMany(c => c.Ports).ToList();
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
            // Not ours to judge: the sidecar says what is wrong with it.
            return json;
        }

        foreach (var probe in document is JsonArray list ? list : [document])
        {
            foreach (var handler in (string[])["httpGet", "tcpSocket", "grpc"])
            {
                if (probe?[handler] is JsonObject action && (action["port"] is not JsonValue port || port.ToString() is "0" or "" || port.ToString() == Text(ContainerPort)))
                {
                    action["port"] = UserPort;
                }
            }
        }

        return document!.ToJsonString();
    }

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
