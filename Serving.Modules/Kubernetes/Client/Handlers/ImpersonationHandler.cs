using Serving.Kubernetes.Access;

namespace Serving.Kubernetes.Client.Handlers;

/// <summary>Adds impersonation headers, which the package reads from a kubeconfig but does not send.</summary>
internal sealed class ImpersonationHandler(Impersonation impersonation) : DelegatingHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        foreach (var (name, value) in impersonation.Headers)
        {
            request.Headers.Remove(name);
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return base.SendAsync(request, cancellationToken);
    }
}
