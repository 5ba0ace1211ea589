namespace Serving.Api.WellKnown;

/// <summary>Headers used between Knative components.</summary>
public static class Headers
{
    public const string NetworkProbe = "K-Network-Probe";
    public const string NetworkHash = "K-Network-Hash";

    /// <summary>The value of <see cref="NetworkHash"/> in a request for the hash of the Ingress.</summary>
    public const string NetworkHashOverride = "override";
    public const string ProxyRequest = "K-Proxy-Request";
    public const string OriginalHost = "K-Original-Host";
    public const string KubeletProbe = "K-Kubelet-Probe";
    public const string PassthroughLoadBalancing = "K-Passthrough-Lb";
    public const string Revision = "Knative-Serving-Revision";
    public const string Namespace = "Knative-Serving-Namespace";
    public const string Tag = "Knative-Serving-Tag";
    public const string DefaultRoute = "Knative-Serving-Default-Route";

    public const string IngressProbeUserAgent = "Knative-Ingress-Probe";
    public const string ActivatorProbeUserAgent = "Knative-Activator-Probe";
    public const string QueueProxyProbeUserAgent = "Knative-Queue-Proxy-Probe";
    public const string AutoscalingProbeUserAgent = "Knative-Autoscaling-Probe";
    public const string KubernetesProbeUserAgentPrefix = "kube-probe/";
}
