using Serving.Kubernetes;

namespace Serving.Host.Local;

/// <summary>
/// Acts as a service account, with tokens that the cluster's administrator asks for: what a kubelet does for a pod. Invariant: a token is
/// replaced before it expires, and at once when the server refuses it.
/// </summary>
/// <param name="tokens">Asks for tokens.</param>
/// <param name="ns">The account's namespace.</param>
/// <param name="account">The account.</param>
/// <param name="time">The clock by which tokens age.</param>
internal sealed class ServiceAccountCredential(ServiceAccountTokens tokens, string ns, string account, TimeProvider time) : ICredentialSource, IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);
    private static readonly TimeSpan Replaced = Lifetime * 0.8;

    private readonly SemaphoreSlim asking = new(1);
    private volatile Issued? issued;

    /// <inheritdoc/>
    public async ValueTask<string?> GetAuthorizationAsync(bool refused, CancellationToken cancellation)
    {
        var before = issued;
        if (!refused && IsFresh(before)) return before!.Authorization;
        await asking.WaitAsync(cancellation);
        try
        {
            // Whoever waited for another's answer takes that.
            if (ReferenceEquals(issued, before) || !IsFresh(issued))
            {
                issued = new Issued($"Bearer {await tokens.IssueAsync(ns, account, Lifetime, cancellation)}", time.GetTimestamp());
            }

            return issued!.Authorization;
        }
        finally
        {
            asking.Release();
        }
    }

    public void Dispose() => asking.Dispose();

    private bool IsFresh(Issued? token) => token is not null && time.GetElapsedTime(token.At) < Replaced;

    private sealed record Issued(string Authorization, long At);
}
