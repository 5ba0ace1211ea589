using System.Security.Cryptography.X509Certificates;

namespace Serving.Kubernetes;

/// <summary>
/// The connections to the API server. Invariant: all of them were made with the client certificate we have now; when it is renewed, new
/// requests get new connections, and what is under way ends on the old ones.
/// </summary>
internal sealed class ConnectionPool : IDisposable
{
    private readonly KubernetesConfiguration _configuration;
    private readonly Lock _lock = new();
    private volatile Connections _current;

    /// <param name="configuration">Where the server is and who we are.</param>
    public ConnectionPool(KubernetesConfiguration configuration)
    {
        _configuration = configuration;
        _current = Connect(configuration.Credential?.ClientCertificate);
    }

    /// <summary>Sends; the answer's body is still to be read.</summary>
    public Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        var certificate = _configuration.Credential?.ClientCertificate;
        var connections = _current;
        if (!Equals(connections.Certificate, certificate))
        {
            connections = Renew(certificate);
        }

        return connections.Invoker.SendAsync(request, cancellation);
    }

    public void Dispose() => _current.Invoker.Dispose();

    private Connections Renew(X509Certificate2? certificate)
    {
        lock (_lock)
        {
            if (!Equals(_current.Certificate, certificate))
            {
                // The old ones are let go, not disposed: a request may just be about to use them. Each closes itself when it is idle.
                _current = Connect(certificate);
            }

            return _current;
        }
    }

    private Connections Connect(X509Certificate2? certificate) => new(certificate, new HttpMessageInvoker(ClientHandlers.Create(_configuration, certificate)));

    private sealed record Connections(X509Certificate2? Certificate, HttpMessageInvoker Invoker);
}
