namespace Serving.Dataplane;

/// <summary>The names and values of Knative's own headers on the request path.</summary>
public static class DataplaneHeaders
{
    /// <summary>Marks a probe by a Knative component; its value names the component that must respond.</summary>
    public const string Probe = "K-Network-Probe";

    /// <summary>The hash of the routing configuration, returned by a gateway in its response to a probe.</summary>
    public const string Hash = "K-Network-Hash";

    /// <summary>Names the proxy a request came through; the activator sets <see cref="ActivatorName"/>.</summary>
    public const string Proxy = "K-Proxy-Request";

    /// <summary>The original Host, set when a proxy rewrites it.</summary>
    public const string OriginalHost = "K-Original-Host";

    /// <summary>Marks a kubelet probe.</summary>
    public const string KubeletProbe = "K-Kubelet-Probe";

    /// <summary>Asks a mesh to keep the chosen address instead of balancing again.</summary>
    public const string PassthroughLoadBalancing = "K-Passthrough-Lb";

    /// <summary>The revision a request goes to.</summary>
    public const string Revision = "Knative-Serving-Revision";

    /// <summary>The namespace of that revision.</summary>
    public const string Namespace = "Knative-Serving-Namespace";

    /// <summary>The tag that selected the revision.</summary>
    public const string Tag = "Knative-Serving-Tag";

    /// <summary>Whether the default route was used because no tag matched.</summary>
    public const string DefaultRoute = "Knative-Serving-Default-Route";

    /// <summary>
    /// Response header of a queue-proxy: the program did not serve the request. The value, one of <see cref="Upstreams.Unserved"/>, says
    /// how far the request got. It is never sent to a client, and a program cannot set it.
    /// </summary>
    public const string Unserved = "K-Unserved";

    /// <summary>Marks a retried request; it is not retried again.</summary>
    public const string Resent = "K-Resent";

    /// <summary>Response header of a queue-proxy's stat: the requests in flight at this moment. The stat itself has the average of the last
    /// second.</summary>
    public const string InFlight = "K-In-Flight";

    /// <summary>Response header of a queue-proxy's stat: <c>true</c> when the pod has taken the number of requests that it
    /// serves.</summary>
    public const string Spent = "K-Spent";

    /// <summary>The activator's name in <see cref="Probe"/> and <see cref="Proxy"/>.</summary>
    public const string ActivatorName = "activator";

    /// <summary>The queue-proxy's name in <see cref="Probe"/>.</summary>
    public const string QueueName = "queue";

    /// <summary>The value of <see cref="Probe"/> to which gateways respond with <see cref="Hash"/>.</summary>
    public const string ProbeValue = "probe";

    /// <summary>The user agent of network programming probes.</summary>
    public const string IngressProbeUserAgent = "Knative-Ingress-Probe";

    /// <summary>The user agent of the activator's probes.</summary>
    public const string ActivatorUserAgent = "Knative-Activator-Probe";

    /// <summary>The user agent of the autoscaler's probes.</summary>
    public const string AutoscalingUserAgent = "Knative-Autoscaling-Probe";

    /// <summary>The user agent of the queue-proxy's probes.</summary>
    public const string QueueProxyUserAgent = "Knative-Queue-Proxy-Probe";

    /// <summary>Prefix of the kubelet's user agent.</summary>
    public const string KubeProbeUserAgentPrefix = "kube-probe/";
}
