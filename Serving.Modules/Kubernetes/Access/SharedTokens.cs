using System.Net.Http.Headers;
using k8s.Authentication;

namespace Serving.Kubernetes.Access;

/// <summary>Serializes calls to a token provider of the package, which otherwise refreshes once for every caller that finds its token
/// expired.</summary>
internal sealed class SharedTokens(ITokenProvider provider) : ITokenProvider, IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);

    public async Task<AuthenticationHeaderValue> GetAuthenticationHeaderAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            return await provider.GetAuthenticationHeaderAsync(cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose() => _turn.Dispose();
}
