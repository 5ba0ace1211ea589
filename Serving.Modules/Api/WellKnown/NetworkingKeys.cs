namespace Serving.Api.WellKnown;

/// <summary>Labels and annotations of networking.knative.dev and networking.internal.knative.dev, and names of ports.</summary>
public static class NetworkingKeys
{
    public const string Group = "networking.internal.knative.dev";
    public const string PublicGroup = "networking.knative.dev";

    public const string CertificateUid = "networking.internal.knative.dev/certificate-uid";
    public const string Ingress = "networking.internal.knative.dev/ingress";
    public const string OriginSecretName = "networking.internal.knative.dev/originSecretName";
    public const string OriginSecretNamespace = "networking.internal.knative.dev/originSecretNamespace";
    public const string Rollout = "networking.internal.knative.dev/rollout";
    public const string Tag = "networking.internal.knative.dev/tag";
    public const string TagToHost = "networking.internal.knative.dev/tag-to-host";
    public const string ServerlessService = "networking.internal.knative.dev/serverlessservice";
    public const string ServiceType = "networking.internal.knative.dev/serviceType";

    /// <summary>Values of <see cref="ServiceType"/>.</summary>
    public const string ServiceTypePublic = "Public";
    public const string ServiceTypePrivate = "Private";

    public const string CertificateType = "networking.knative.dev/certificate-type";
    public const string TrustBundle = "networking.knative.dev/trust-bundle";
    public const string Visibility = "networking.knative.dev/visibility";
    public const string WildcardDomain = "networking.knative.dev/wildcardDomain";

    /// <summary>The value of <see cref="Visibility"/> that keeps a Route inside the cluster.</summary>
    public const string ClusterLocal = "cluster-local";

    /// <summary>The default ingress class.</summary>
    public const string IstioIngressClass = "istio.ingress.networking.knative.dev";

    /// <summary>The default certificate class.</summary>
    public const string CertManagerCertificateClass = "cert-manager.certificate.networking.knative.dev";

    /// <summary>The name of the Certificate of a namespace's queue-proxies, and of its Secret.</summary>
    public const string SidecarCertificate = "serving-certs";

    public const string ProtocolHttp1 = "http1";
    public const string ProtocolH2C = "h2c";

    /// <summary>Names of Service ports.</summary>
    public const string ServicePortNameHttp1 = "http";
    public const string ServicePortNameH2C = "http2";
    public const string ServicePortNameHttps = "https";

    public const int ServiceHttpPort = 80;
    public const int ServiceHttp2Port = 81;
    public const int ServiceHttpsPort = 443;

    public const int QueueHttpPort = 8012;
    public const int QueueHttp2Port = 8013;
    public const int QueueHttpsPort = 8112;
    public const int QueueAdminPort = 8022;
    public const int ProfilingPort = 8008;
    public const int AutoscalingMetricsPort = 9090;
    public const int UserMetricsPort = 9091;

    public static AnnotationKeys CertificateClass { get; } =
        new("networking.knative.dev/certificate.class", "networking.knative.dev/certificate-class");
    public static AnnotationKeys IngressClass { get; } =
        new("networking.knative.dev/ingress.class", "networking.knative.dev/ingress-class");
    public static AnnotationKeys HttpProtocol { get; } = new("networking.knative.dev/httpOption", "networking.knative.dev/http-protocol");
    public static AnnotationKeys DisableExternalDomainTls { get; } =
        new(
            "networking.knative.dev/disableAutoTLS",
            "networking.knative.dev/disable-auto-tls",
            "networking.knative.dev/disable-external-domain-tls"
        );
}
