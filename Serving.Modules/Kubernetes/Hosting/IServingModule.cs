using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Hosting;

/// <summary>When a module works.</summary>
public enum Activation
{
    /// <summary>In every replica.</summary>
    Always,

    /// <summary>In the replica that holds the module's Lease.</summary>
    Leader,
}

/// <summary>
/// A part of the control plane that is started and stopped as one. A Leader module may be run, cancelled and run again
/// in one process; its informers belong to the process and stay warm.
/// </summary>
public interface IServingModule
{
    /// <summary>The name, as in <c>--modules=</c> and in the Lease.</summary>
    string Name { get; }

    /// <summary>Whether it needs the Lease.</summary>
    Activation Activation { get; }

    /// <summary>
    /// Works until cancelled; returns when everything it started has ended and what was in flight is drained.
    /// </summary>
    /// <param name="client">The client to write with. A Leader module's is fenced: it refuses writes past the lease.</param>
    /// <param name="cancellation">Cancelled when the module must stop.</param>
    Task RunAsync(IKubernetesClient client, CancellationToken cancellation);

    /// <summary>Null while the module is ready to serve; else why it is not, for the readiness probe.</summary>
    string? NotReadyReason => null;

    /// <summary>Null while every loop of the module turns; else which one does not, for the liveness probe. Never because the API server is
    /// away.</summary>
    string? StuckReason => null;

    /// <summary>The process will stop soon: from now on clients are asked to go elsewhere, and served as ever. May be called when it does
    /// not run.</summary>
    void BeginDrain() { }
}
