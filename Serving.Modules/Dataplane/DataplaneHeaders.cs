namespace Serving.Dataplane;

/// <summary>The names and values of Knative's own headers on the request path.</summary>
public static class DataplaneHeaders
{
    /// <summary>Marks a probe by a part of Knative; its value names the part that should answer.</summary>
    public const string Probe = "K-Network-Probe";

    /// <summary>The hash of the configuration a gateway answers a probe with.</summary>
    public const string Hash = "K-Network-Hash";

    /// <summary>Names the proxy a request came through; the activator sets <see cref="ActivatorName"/>.</summary>
    public const string Proxy = "K-Proxy-Request";

    /// <summary>The Host the client asked for, where it was rewritten on the way.</summary>
    public const string OriginalHost = "K-Original-Host";

    /// <summary>Marks a probe that the kubelet sends.</summary>
    public const string KubeletProbe = "K-Kubelet-Probe";

    /// <summary>Asks a mesh to keep the address that was chosen.</summary>
    public const string PassthroughLoadBalancing = "K-Passthrough-Lb";

    /// <summary>The revision a request goes to.</summary>
    public const string Revision = "Knative-Serving-Revision";

    /// <summary>The namespace of that revision.</summary>
    public const string Namespace = "Knative-Serving-Namespace";

    /// <summary>The tag by which the client chose its revision.</summary>
    public const string Tag = "Knative-Serving-Tag";

    /// <summary>Whether the default route was taken because no tag matched.</summary>
    public const string DefaultRoute = "Knative-Serving-Default-Route";

    /// <summary>
    /// In a response of a queue-proxy: its program did not serve the request, and how far the request got, by a value of
    /// <see cref="Dataplane.Unserved"/>. It never reaches a client, and a program cannot set it.
    /// </summary>
    public const string Unserved = "K-Unserved";

    /// <summary>Marks a request that is sent for the second time; nobody sends it a third time.</summary>
    public const string Resent = "K-Resent";

    /// <summary>What the activator calls itself, in <see cref="Probe"/> and <see cref="Proxy"/>.</summary>
    public const string ActivatorName = "activator";

    /// <summary>What the queue-proxy calls itself in <see cref="Probe"/>.</summary>
    public const string QueueName = "queue";

    /// <summary>The value of <see cref="Probe"/> that network layers answer with <see cref="Hash"/>.</summary>
    public const string ProbeValue = "probe";

    /// <summary>The user agent of network programming probes.</summary>
    public const string IngressProbeUserAgent = "Knative-Ingress-Probe";

    /// <summary>The user agent of the activator's probes.</summary>
    public const string ActivatorUserAgent = "Knative-Activator-Probe";

    /// <summary>The user agent of the autoscaler's probes.</summary>
    public const string AutoscalingUserAgent = "Knative-Autoscaling-Probe";

    /// <summary>The user agent of the queue-proxy's probes.</summary>
    public const string QueueProxyUserAgent = "Knative-Queue-Proxy-Probe";

    /// <summary>How the kubelet's user agent starts.</summary>
    public const string KubeProbeUserAgentPrefix = "kube-probe/";
}
