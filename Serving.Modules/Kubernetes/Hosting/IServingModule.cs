using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Hosting;

/// <summary>When a module runs.</summary>
public enum Activation
{
    /// <summary>In every replica.</summary>
    Always,

    /// <summary>In the replica that holds the module's Lease.</summary>
    Leader,
}

/// <summary>
/// A part of the control plane that is started and stopped as a unit. A Leader module may be run, cancelled and run again in one process;
/// its informers belong to the process and stay warm.
/// </summary>
public interface IServingModule
{
    /// <summary>The name, as in <c>--modules=</c> and in the Lease.</summary>
    string Name { get; }

    /// <summary>Whether it needs its Lease.</summary>
    Activation Activation { get; }

    /// <summary>
    /// Works until cancelled; returns when everything it started has ended and requests in flight are drained.
    /// </summary>
    /// <param name="client">The client to write with. A Leader module's client is fenced: it rejects writes after the term.</param>
    /// <param name="cancellation">Cancelled when the module must stop.</param>
    Task RunAsync(IKubernetesClient client, CancellationToken cancellation);

    /// <summary>Why the module is not ready, for the readiness probe; null while it is ready.</summary>
    string? NotReadyReason => null;

    /// <summary>Which loop of the module is stuck, for the liveness probe; null while all make progress. An unreachable API server is not a
    /// reason.</summary>
    string? StuckReason => null;

    /// <summary>The process will stop soon: from now on responses ask clients to reconnect elsewhere, and requests are served as before.
    /// May be called when the module does not run.</summary>
    void BeginDrain() { }
}
