using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>config-network: classes, names and encryption.</summary>
public sealed record NetworkConfig
{
    /// <summary>The defaults.</summary>
    public static NetworkConfig Default { get; } = new();

    public string IngressClass { get; init; } = "istio.ingress.networking.knative.dev";
    public string CertificateClass { get; init; } = "cert-manager.certificate.networking.knative.dev";

    /// <summary>Namespaces with a wildcard certificate; null: none.</summary>
    public LabelSelector? NamespaceWildcardCertSelector { get; init; }

    /// <summary>The template text; applied by <see cref="DomainName"/>.</summary>
    public string DomainTemplate { get; init; } = "{{.Name}}.{{.Namespace}}.{{.Domain}}";

    /// <summary>The template text; applied by <see cref="TagName"/>.</summary>
    public string TagTemplate { get; init; } = "{{.Tag}}-{{.Name}}";

    /// <summary>The host of a Route. Throws (FormatException) when the template cannot be applied to the values.</summary>
    public Func<DomainTemplateValues, string> DomainName { get; init; } = static v => $"{v.Name}.{v.Namespace}.{v.Domain}";

    /// <summary>The name of a tag's Service and host label. Throws (FormatException) when the template cannot be applied to the
    /// values.</summary>
    public Func<TagTemplateValues, string> TagName { get; init; } = static v => $"{v.Tag}-{v.Name}";

    /// <summary>Whether certificates for external domains are provisioned; <c>external-domain-tls</c>, or <c>auto-tls</c> of older
    /// releases.</summary>
    public bool ExternalDomainTls { get; init; }

    /// <summary>Whether certificates for cluster-local domains are provisioned.</summary>
    public bool ClusterLocalDomainTls { get; init; }

    /// <summary>Whether system components use TLS among each other; <c>system-internal-tls</c>, or <c>internal-encryption</c> of older
    /// releases.</summary>
    public bool SystemInternalTls { get; init; }

    public HttpProtocol HttpProtocol { get; init; }

    /// <summary>Duration in seconds of the traffic shift to a new Revision; 0: immediate.</summary>
    public int RolloutDuration { get; init; }
    public bool AutocreateClusterDomainClaims { get; init; }
    public bool EnableMeshPodAddressability { get; init; }
    public MeshCompatibilityMode MeshCompatibilityMode { get; init; }

    /// <summary>The scheme of URLs in status without a certificate: <c>http</c> or <c>https</c>.</summary>
    public string DefaultExternalScheme { get; init; } = "http";
}
