namespace Serving.Api.Config;

/// <summary>A reference to a cert-manager issuer.</summary>
/// <param name="Name">The object's name.</param>
/// <param name="Kind"><c>Issuer</c> or <c>ClusterIssuer</c>.</param>
/// <param name="Group">The API group; empty for cert-manager's own.</param>
public sealed record IssuerReference(string Name, string Kind, string Group = "")
{
    /// <summary>The default issuer.</summary>
    public static IssuerReference SelfSigned { get; } = new("knative-selfsigned-issuer", "ClusterIssuer");
}
