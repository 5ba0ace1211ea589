using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using Serving.Kubernetes.Access;

namespace Serving.Host.Local;

/// <summary>
/// Authenticates as a service account with tokens that the administrator's client requests, as a kubelet does for a pod. Invariant: a token
/// is replaced before it expires, and at once when the server rejects it.
/// </summary>
/// <param name="tokens">Requests tokens.</param>
/// <param name="ns">The account's namespace.</param>
/// <param name="account">The account.</param>
/// <param name="time">The clock for token expiry.</param>
internal sealed class ServiceAccountCredential(ServiceAccountTokens tokens, string ns, string account, TimeProvider time)
    : IRefreshableCredential,
        IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);
    private static readonly TimeSpan Replaced = Lifetime * 0.8;

    private readonly SemaphoreSlim _asking = new(1);
    private volatile Issued? _issued;

    /// <inheritdoc/>
    public async Task<AuthenticationHeaderValue> GetAuthenticationHeaderAsync(CancellationToken cancellationToken)
    {
        if (Fresh is { } known)
            return known;
        await _asking.WaitAsync(cancellationToken);
        try
        {
            // Another caller may have refreshed the token while we waited.
            if (Fresh is { } other)
                return other;
            var token = await tokens.IssueAsync(ns, account, Lifetime, cancellationToken);
            var made = new Issued(new AuthenticationHeaderValue("Bearer", token), time.GetTimestamp());
            _issued = made;
            return made.Header;
        }
        finally
        {
            _asking.Release();
        }
    }

    /// <inheritdoc/>
    public void Refuse(AuthenticationHeaderValue? header, X509Certificate2? certificate)
    {
        if (_issued is { } known && known.Header.Equals(header))
            Interlocked.CompareExchange(ref _issued, null, known);
    }

    public void Dispose() => _asking.Dispose();

    private AuthenticationHeaderValue? Fresh => _issued is { } token && time.GetElapsedTime(token.At) < Replaced ? token.Header : null;

    private sealed record Issued(AuthenticationHeaderValue Header, long At);
}
