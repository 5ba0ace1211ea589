using System.Net;
using System.Security.Cryptography.X509Certificates;
using k8s;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client.Handlers;

namespace Serving.Kubernetes.Client;

/// <summary>
/// The package's client with our handlers. Invariant: connections use the current client certificate; when it is renewed, new requests use
/// new connections, and requests in flight finish on the old ones.
/// </summary>
internal sealed class ApiConnection : IDisposable
{
    private readonly ClusterAccess _access;
    private readonly Func<DelegatingHandler[]> _handlers;
    private readonly Uri _server;
    private readonly Lock _lock = new();
    private volatile Pipeline _current;

    public ApiConnection(ClusterAccess access, ClusterClientOptions options, TimeProvider time, ResponseSignal signal)
    {
        var agent = options.Instance.Length == 0 ? options.FieldManager : $"{options.FieldManager}/{options.Instance}";
        _access = access;
        _server = access.Server;
        _handlers = () =>
            [
                new RetryHandler(options, time),
                new AttemptHandler(options, time),
                new ResponseSignalHandler(signal),
                .. access.Impersonation is { } other ? (DelegatingHandler[])[new ImpersonationHandler(other)] : [],
                new WriterHandler(agent),
            ];
        _current = new Pipeline(access, access.Credential?.ClientCertificate, _handlers());
    }

    /// <summary>The package's own operations, for kinds without a record of ours; they use the same handlers.</summary>
    public IKubernetes Operations => _current;

    /// <summary>
    /// Sends a request, and once more with a new credential when the server rejects the first. The response is buffered unless it is a
    /// stream. The caller disposes the response. Throws <see cref="KubernetesException"/> for every failure.
    /// </summary>
    public async Task<HttpResponseMessage> SendAsync(ApiRequest request, CancellationToken cancellation)
    {
        for (var renewed = false; ; renewed = true)
        {
            var pipeline = await PipelineAsync(request, cancellation);
            using var message = request.ToMessage(_server);
            try
            {
                return await pipeline.SendAsync(message, cancellation);
            }
            catch (KubernetesException refused)
                when (refused.Code == HttpStatusCode.Unauthorized && !renewed && _access.Credential is not null)
            {
                _access.Credential.Refuse(message.Headers.Authorization, pipeline.Certificate);
            }
        }
    }

    public void Dispose() => _current.Dispose();

    /// <summary>The pipeline for the certificate that the credential returns now.</summary>
    private async ValueTask<Pipeline> PipelineAsync(ApiRequest request, CancellationToken cancellation)
    {
        if (_access.Credential is not { } credential)
        {
            return _current;
        }

        try
        {
            await credential.GetAuthenticationHeaderAsync(cancellation);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // Counts as an unreachable server: it may be temporary, and callers that can retry do.
            throw new KubernetesException(
                request.Operation.ToString(),
                new Status
                {
                    State = "Failure",
                    Code = 503,
                    Reason = "ServiceUnavailable",
                    Message = $"no credential: {error.Message}",
                },
                error
            );
        }

        var certificate = credential.ClientCertificate;
        if (Equals(_current.Certificate, certificate))
        {
            return _current;
        }

        lock (_lock)
        {
            if (!Equals(_current.Certificate, certificate))
            {
                // The old pipeline is dropped, not disposed: a request may be about to use it. Its connections close when they are idle.
                _current = new Pipeline(_access, certificate, _handlers());
            }

            return _current;
        }
    }

    /// <summary>Sends requests with our own paths and bodies through the package's pipeline: credentials, handlers, TLS.</summary>
    private sealed class Pipeline(ClusterAccess access, X509Certificate2? certificate, DelegatingHandler[] handlers)
        : k8s.Kubernetes(access.ToConfiguration(certificate), handlers)
    {
        public X509Certificate2? Certificate => certificate;

        public Task<HttpResponseMessage> SendAsync(HttpRequestMessage message, CancellationToken cancellation) =>
            SendRequestRaw("", message, cancellation);
    }
}
