namespace Serving.Certificates;

/// <summary>The Secret that holds a serving certificate, and the Service that it is for.</summary>
/// <param name="Namespace">The namespace of Secret and Service.</param>
/// <param name="SecretName">The Secret, with the keys <c>server-key.pem</c>, <c>server-cert.pem</c> and <c>ca-cert.pem</c>.</param>
/// <param name="ServiceName">The Service whose names clients connect to.</param>
/// <param name="ClusterDomain">The DNS domain of the cluster.</param>
public sealed record CertificateSecretOptions(string Namespace, string SecretName, string ServiceName, string ClusterDomain)
{
    /// <summary>How long a new certificate is valid.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromDays(365);

    /// <summary>How long before it expires a certificate is replaced.</summary>
    public TimeSpan RenewBefore { get; init; } = TimeSpan.FromDays(30);

    /// <summary>The value of the Secret's component label.</summary>
    public string Component { get; init; } = "webhook";
}
