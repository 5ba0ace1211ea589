using System.Net.Http.Headers;
using System.Text;

namespace Serving.Controller.Revisions.Digests;

/// <summary>A credential for pulling images from a registry. Invariant: printing it shows no secret.</summary>
/// <param name="Username">The user; empty with a token only.</param>
/// <param name="Password">The user's password.</param>
/// <param name="IdentityToken">A token that the registry's token service exchanges for an access token; or empty.</param>
/// <param name="RegistryToken">A bearer token for the registry itself; or empty.</param>
public sealed record RegistryCredential(string Username, string Password, string IdentityToken = "", string RegistryToken = "")
{
    /// <summary>The Authorization header for the registry or its token service; null when there is none.</summary>
    public AuthenticationHeaderValue? ToHeader()
    {
        if (RegistryToken.Length > 0)
        {
            return new AuthenticationHeaderValue("Bearer", RegistryToken);
        }

        return Username.Length > 0 && Password.Length > 0
            ? new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{Username}:{Password}")))
            : null;
    }

    /// <summary>Only the user, so that no log contains the password.</summary>
    public override string ToString() => $"credential of \"{Username}\"";
}
