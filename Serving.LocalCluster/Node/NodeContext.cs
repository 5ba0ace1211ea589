using Microsoft.Extensions.Logging;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.LocalCluster.Node.Limits;
using Serving.LocalCluster.Node.Probes;
using Serving.LocalCluster.Node.Processes;
using Serving.LocalCluster.Node.Resizing;
using Serving.LocalCluster.Node.Variables;

namespace Serving.LocalCluster.Node;

/// <summary>Shared state of all pods of one run of the node.</summary>
internal sealed record NodeContext(
    LocalNodeOptions Options,
    IKubernetesClient Client,
    NodeObjects Objects,
    NodeRuntime Runtime,
    IEventRecorder Events,
    ILogger Logger,
    TimeProvider Time
)
{
    /// <summary>The directory of a pod's files.</summary>
    public string DirectoryOf(string ns, string name, string uid) => Path.Combine(Options.DataDirectory, PodsFolder, $"{ns}_{name}_{uid}");

    /// <summary>The folder of the data directory with one folder per pod.</summary>
    public const string PodsFolder = "pods";
}

/// <summary>Shared services of the node: processes, probes and ports.</summary>
/// <param name="logs">Bounds the logs of all pods.</param>
/// <param name="limits">Makes processes keep to the limits of their containers.</param>
/// <param name="allocations">What is allocated to the pods.</param>
internal sealed class NodeRuntime(LogBudget logs, IResourceControl limits, NodeAllocations allocations) : IDisposable
{
    /// <summary>Makes processes keep to the limits of their containers.</summary>
    public IResourceControl Limits { get; } = limits;

    /// <summary>What is allocated to the pods.</summary>
    public NodeAllocations Allocations { get; } = allocations;

    /// <summary>Bounds the logs of all pods.</summary>
    public LogBudget Logs { get; } = logs;

    /// <summary>Starts processes.</summary>
    public ProcessLauncher Launcher { get; } = new();

    /// <summary>Checks containers.</summary>
    public Prober Prober { get; } = new();

    /// <summary>The ports of user programs.</summary>
    public UserPorts Ports { get; } = new();

    public void Dispose()
    {
        Launcher.Dispose();
        Prober.Dispose();
        Limits.Dispose();
    }
}
