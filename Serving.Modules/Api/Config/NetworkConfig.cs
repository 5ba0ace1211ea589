using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>config-network: classes, names and encryption of the network.</summary>
public sealed record NetworkConfig
{
    /// <summary>The values when nothing is configured.</summary>
    public static NetworkConfig Default { get; } = new();

    public string IngressClass { get; init; } = "istio.ingress.networking.knative.dev";
    public string CertificateClass { get; init; } = "cert-manager.certificate.networking.knative.dev";

    /// <summary>Namespaces that get a wildcard certificate; null: none.</summary>
    public LabelSelector? NamespaceWildcardCertSelector { get; init; }

    /// <summary>The template's text; <see cref="DomainName"/> applies it.</summary>
    public string DomainTemplate { get; init; } = "{{.Name}}.{{.Namespace}}.{{.Domain}}";

    /// <summary>The template's text; <see cref="TagName"/> applies it.</summary>
    public string TagTemplate { get; init; } = "{{.Tag}}-{{.Name}}";

    /// <summary>Names the host of a Route. Throws (FormatException) when the template does not apply to the values.</summary>
    public Func<DomainTemplateValues, string> DomainName { get; init; } = static v => $"{v.Name}.{v.Namespace}.{v.Domain}";

    /// <summary>Names the Service and host label of a tag. Throws (FormatException) when the template does not apply to the values.</summary>
    public Func<TagTemplateValues, string> TagName { get; init; } = static v => $"{v.Tag}-{v.Name}";

    /// <summary>Certificates for external domains are provisioned; <c>external-domain-tls</c>, or <c>auto-tls</c> of older releases.</summary>
    public bool ExternalDomainTls { get; init; }

    /// <summary>Certificates for cluster-local domains are provisioned.</summary>
    public bool ClusterLocalDomainTls { get; init; }

    /// <summary>Parts of the system talk TLS to each other; <c>system-internal-tls</c>, or <c>internal-encryption</c> of older releases.</summary>
    public bool SystemInternalTls { get; init; }

    public HttpProtocol HttpProtocol { get; init; }

    /// <summary>Seconds over which traffic moves to a new Revision; 0 at once.</summary>
    public int RolloutDuration { get; init; }
    public bool AutocreateClusterDomainClaims { get; init; }
    public bool EnableMeshPodAddressability { get; init; }
    public MeshCompatibilityMode MeshCompatibilityMode { get; init; }

    /// <summary>The scheme of URLs in status when there is no certificate: <c>http</c> or <c>https</c>.</summary>
    public string DefaultExternalScheme { get; init; } = "http";
}
