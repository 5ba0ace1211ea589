using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;

namespace Serving.Webhook;

/// <summary>
/// The permission to write the webhook's certificate and configurations, as a Leader module: for a cluster where another implementation
/// writes the same objects under Leases. Invariant: <see cref="Client"/> is set only while the Leases are held, and is fenced by them.
/// </summary>
public sealed class RegistrationModule : IServingModule
{
    private volatile IKubernetesClient? _client;

    /// <inheritdoc/>
    public string Name => "webhook-registration";

    /// <inheritdoc/>
    public Activation Activation => Activation.Leader;

    /// <summary>The client for writes; null while another process may write.</summary>
    public IKubernetesClient? Client => _client;

    /// <summary>Raised when the permission is gained or lost.</summary>
    public event Action? Changed;

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
        Changed?.Invoke();
        try
        {
            await Task.Delay(Timeout.Infinite, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            _client = null;
            Changed?.Invoke();
        }
    }
}
