using Serving.Kubernetes.Leadership;

namespace Serving.Kubernetes.Client.Handlers;

/// <summary>
/// Adds the process, and the Lease under which it writes, to <c>User-Agent</c>. Invariant: no attempt of a leader's write is sent after its
/// term, so this handler is the last one before the connection.
/// </summary>
internal sealed class WriterHandler(string agent) : DelegatingHandler
{
    private const string UserAgent = "User-Agent";

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var term = WriteFence.Term;
        request.Headers.Remove(UserAgent);
        request.Headers.TryAddWithoutValidation(UserAgent, term is null ? agent : $"{agent} ({term.Lease})");
        WriteFence.Check(term, cancellationToken);
        return base.SendAsync(request, cancellationToken);
    }
}
