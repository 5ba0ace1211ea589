using Serving.Api.Core;
using Serving.LocalCluster.Node.Variables;
using Serving.LocalCluster.Node.Volumes;

namespace Serving.LocalCluster.Node.Pods;

/// <summary>What the containers of one pod share while it runs.</summary>
internal sealed class PodRun(Pod pod, string directory, PodVolumes volumes, Action<bool> changed)
{
    private Pod _pod = pod;

    /// <summary>The newest state of the object.</summary>
    public Pod Pod
    {
        get => Volatile.Read(ref _pod);
        set => Volatile.Write(ref _pod, value);
    }

    /// <summary>Where its files are.</summary>
    public string Directory { get; } = directory;

    /// <summary>Its volumes.</summary>
    public PodVolumes Volumes { get; } = volumes;

    /// <summary>Its address and ports; set before the first container starts.</summary>
    public PodPorts Ports
    {
        get => field ?? throw new InvalidOperationException("the pod has no address yet");
        set;
    }

    /// <summary>The pod as the texts of a kubelet name it.</summary>
    public string Name => $"{Pod.Metadata.Name}_{Pod.Metadata.Namespace}({Pod.Metadata.Uid})";

    /// <summary>Says that the status of a container differs; <paramref name="urgent"/> when readiness does.</summary>
    public void Changed(bool urgent) => changed(urgent);
}
