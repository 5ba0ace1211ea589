using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Core;
using NodeObject = Serving.Api.Core.Node;

namespace Serving.LocalCluster.Node;

/// <summary>Describes this machine to the cluster.</summary>
internal static class NodeStatus
{
    /// <summary>The address of the node, and so the <c>hostIP</c> of its pods.</summary>
    public const string Address = "127.0.0.1";

    /// <summary>The maximum number of pods, the default of a kubelet.</summary>
    public const int MaxPods = 110;

    /// <summary>The capacity of a resource: cores, bytes, or a count; 0 for an unknown resource.</summary>
    public static decimal Capacity(string resource) =>
        resource switch
        {
            "cpu" => Environment.ProcessorCount,
            "memory" => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes,
            "ephemeral-storage" => new DriveInfo("/").TotalSize,
            "pods" => MaxPods,
            _ => 0,
        };

    /// <summary>The labels every node has.</summary>
    public static IReadOnlyDictionary<string, string> Labels(string name) =>
        new Dictionary<string, string>
        {
            ["kubernetes.io/hostname"] = name,
            ["kubernetes.io/os"] = "linux",
            ["kubernetes.io/arch"] = Architecture,
            ["beta.kubernetes.io/os"] = "linux",
            ["beta.kubernetes.io/arch"] = Architecture,
        };

    /// <summary>A new Node object.</summary>
    public static NodeObject Make(LocalNodeOptions options, string limits, DateTimeOffset now)
    {
        var name = options.NodeName;
        var node = new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Node",
            ["metadata"] = new JsonObject
            {
                ["name"] = name,
                ["labels"] = new JsonObject(Labels(name).Select(l => KeyValuePair.Create(l.Key, (JsonNode?)l.Value))),
            },
            ["spec"] = new JsonObject(),
            ["status"] = Make(options, limits, now, now),
        };
        return node.Deserialize(ApiJson.Default.Of<NodeObject>())!;
    }

    /// <summary>The status of the node, ready since <paramref name="since"/>.</summary>
    /// <param name="options">The settings of the node.</param>
    /// <param name="limits">How the limits of containers are enforced.</param>
    /// <param name="since">When it became ready.</param>
    /// <param name="now">The time of the status.</param>
    public static JsonObject Make(LocalNodeOptions options, string limits, DateTimeOffset since, DateTimeOffset now) =>
        new()
        {
            ["capacity"] = Resources(options),
            ["allocatable"] = Resources(options),
            ["conditions"] = new JsonArray(
                Condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available", since, now),
                Condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure", since, now),
                Condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available", since, now),
                Condition("Ready", "True", "KubeletReady", $"the local node runs pods as processes; {limits}", since, now)
            ),
            ["addresses"] = new JsonArray(
                new JsonObject { ["type"] = "InternalIP", ["address"] = Address },
                new JsonObject { ["type"] = "Hostname", ["address"] = options.NodeName }
            ),
            ["nodeInfo"] = new JsonObject
            {
                ["machineID"] = Environment.MachineName,
                ["systemUUID"] = Environment.MachineName,
                ["bootID"] = "",
                ["kernelVersion"] = Environment.OSVersion.Version.ToString(),
                ["osImage"] = RuntimeInformation.OSDescription,
                ["containerRuntimeVersion"] = "process://1",
                ["kubeletVersion"] = "v1.34.0",
                ["kubeProxyVersion"] = "",
                ["operatingSystem"] = "linux",
                ["architecture"] = Architecture,
            },
        };

    private static string Architecture =>
        RuntimeInformation.OSArchitecture switch
        {
            System.Runtime.InteropServices.Architecture.X64 => "amd64",
            System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
            var other => other.ToString().ToLowerInvariant(),
        };

    private static JsonObject Resources(LocalNodeOptions options) =>
        new()
        {
            ["cpu"] = new Quantity(options.CapacityOf("cpu").ToString("0.###", CultureInfo.InvariantCulture)).ToCanonical().Text,
            ["memory"] = (options.CapacityOf("memory") / 1024).ToString("0", CultureInfo.InvariantCulture) + "Ki",
            ["ephemeral-storage"] = (options.CapacityOf("ephemeral-storage") / 1024).ToString("0", CultureInfo.InvariantCulture) + "Ki",
            ["pods"] = options.MaxPods.ToString(CultureInfo.InvariantCulture),
        };

    private static JsonObject Condition(
        string type,
        string status,
        string reason,
        string message,
        DateTimeOffset since,
        DateTimeOffset now
    ) =>
        new()
        {
            ["type"] = type,
            ["status"] = status,
            ["reason"] = reason,
            ["message"] = message,
            ["lastTransitionTime"] = Time(since),
            ["lastHeartbeatTime"] = Time(now),
        };

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
