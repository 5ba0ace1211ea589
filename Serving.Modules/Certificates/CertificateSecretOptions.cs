namespace Serving.Certificates;

/// <summary>Which Secret holds a serving certificate, and for which Service it is.</summary>
/// <param name="Namespace">The namespace of Secret and Service.</param>
/// <param name="SecretName">The Secret, with the keys <c>server-key.pem</c>, <c>server-cert.pem</c> and <c>ca-cert.pem</c>.</param>
/// <param name="ServiceName">The Service by whose names clients connect.</param>
/// <param name="ClusterDomain">The DNS domain of the cluster.</param>
public sealed record CertificateSecretOptions(string Namespace, string SecretName, string ServiceName, string ClusterDomain)
{
    /// <summary>How long a new certificate is valid.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromDays(365);

    /// <summary>How long before it expires a certificate is replaced.</summary>
    public TimeSpan RenewBefore { get; init; } = TimeSpan.FromDays(30);

    /// <summary>The component that the Secret is labelled with.</summary>
    public string Component { get; init; } = "webhook";
}
