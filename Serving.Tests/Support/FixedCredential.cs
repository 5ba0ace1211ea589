using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using Serving.Kubernetes.Access;

namespace Serving.Tests.Support;

/// <summary>A bearer token that stays the same, in place of a configuration's own.</summary>
internal sealed class FixedCredential(string token) : IRefreshableCredential
{
    public Task<AuthenticationHeaderValue> GetAuthenticationHeaderAsync(CancellationToken cancellationToken) =>
        Task.FromResult(new AuthenticationHeaderValue("Bearer", token));

    public void Refuse(AuthenticationHeaderValue? header, X509Certificate2? certificate) { }
}
