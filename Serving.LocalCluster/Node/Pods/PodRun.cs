using Serving.Api.Core;
using Serving.LocalCluster.Node.Variables;
using Serving.LocalCluster.Node.Volumes;

namespace Serving.LocalCluster.Node.Pods;

/// <summary>Shared state of the containers of a running pod.</summary>
internal sealed class PodRun(Pod pod, string directory, PodVolumes volumes, Action<bool> changed)
{
    private Pod _pod = pod;

    /// <summary>The latest version of the object.</summary>
    public Pod Pod
    {
        get => Volatile.Read(ref _pod);
        set => Volatile.Write(ref _pod, value);
    }

    /// <summary>The directory of its files.</summary>
    public string Directory { get; } = directory;

    /// <summary>Its volumes.</summary>
    public PodVolumes Volumes { get; } = volumes;

    /// <summary>Its address and ports; set before the first container starts.</summary>
    public PodPorts Ports
    {
        get => field ?? throw new InvalidOperationException("the pod has no address yet");
        set;
    }

    /// <summary>The name of the pod in messages, as in those of a kubelet.</summary>
    public string Name => $"{Pod.Metadata.Name}_{Pod.Metadata.Namespace}({Pod.Metadata.Uid})";

    /// <summary>Reports that the status of a container changed; <paramref name="urgent"/> when its readiness changed.</summary>
    public void Changed(bool urgent) => changed(urgent);
}
