using Serving.Api.Autoscaling;
using Serving.Api.Caching;
using Serving.Api.Knative;
using Serving.Api.Networking;

namespace Serving.Api.Schema;

/// <summary>The custom kinds that we define.</summary>
internal static class CustomKinds
{
    private static readonly string[] Serving = ["all", "knative", "serving"];
    private static readonly PrinterColumn Ready = new("Ready", "string", ".status.conditions[?(@.type=='Ready')].status");
    private static readonly PrinterColumn Reason = new("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason");
    private static readonly PrinterColumn Url = new("URL", "string", ".status.url");
    private static readonly PrinterColumn LatestCreated = new("LatestCreated", "string", ".status.latestCreatedRevisionName");
    private static readonly PrinterColumn LatestReady = new("LatestReady", "string", ".status.latestReadyRevisionName");

    private static readonly Dictionary<string, string> Addressable = new() { ["duck.knative.dev/addressable"] = "true" };
    private static readonly Dictionary<string, string> PodSpecable = new() { ["duck.knative.dev/podspecable"] = "true" };
    private static readonly Dictionary<string, string> Both = new()
    {
        ["duck.knative.dev/addressable"] = "true",
        ["duck.knative.dev/podspecable"] = "true",
    };

    private static readonly Dictionary<string, string> Networking = new() { ["app.kubernetes.io/component"] = "networking" };

    /// <summary>All kinds, ordered by group and name.</summary>
    public static IReadOnlyList<CustomKind> All { get; } =
    [
        new(Resources.Metrics, typeof(Metric), "Metric requests that the metrics of one Revision be collected for its autoscaler.")
        {
            Categories = ["knative-internal", "autoscaling"],
            Columns = [Ready, Reason],
        },
        new(
            Resources.PodAutoscalers,
            typeof(PodAutoscaler),
            "PodAutoscaler scales the Deployment of one Revision; any autoscaler class can implement it."
        )
        {
            ShortNames = ["kpa", "pa"],
            Categories = ["knative-internal", "autoscaling"],
            Columns =
            [
                new("DesiredScale", "integer", ".status.desiredScale"),
                new("ActualScale", "integer", ".status.actualScale"),
                Ready,
                Reason,
            ],
        },
        new(
            Resources.Images,
            typeof(Image),
            "Image names a container image that will be needed, so that caches can fetch it ahead of time."
        )
        {
            Categories = ["knative-internal", "caching"],
            Columns = [new("Image", "string", ".spec.image")],
        },
        new(Resources.Certificates, typeof(Certificate), "Certificate requests a TLS certificate for DNS names, to be stored in a Secret.")
        {
            ShortNames = ["kcert"],
            Categories = ["knative-internal", "networking"],
            Columns =
            [
                new("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status"),
                new("Reason", "string", ".status.conditions[?(@.type==\"Ready\")].reason"),
            ],
            Labels = Networking,
        },
        new(
            Resources.ClusterDomainClaims,
            typeof(ClusterDomainClaim),
            "ClusterDomainClaim reserves a domain, which is its name, for one namespace of the cluster."
        )
        {
            ShortNames = ["cdc"],
            Categories = ["knative-internal", "networking"],
            Labels = Networking,
        },
        new(Resources.Ingresses, typeof(Ingress), "Ingress describes how the network layer routes the requests of hosts to their backends.")
        {
            ShortNames = ["kingress", "king"],
            Categories = ["knative-internal", "networking"],
            Columns = [Ready, Reason],
            Labels = Networking,
        },
        new(
            Resources.ServerlessServices,
            typeof(ServerlessService),
            "ServerlessService keeps the Kubernetes Services of a Revision, with activators or pods behind the public one."
        )
        {
            ShortNames = ["sks"],
            Categories = ["knative-internal", "networking"],
            Columns =
            [
                new("Mode", "string", ".spec.mode"),
                new("Activators", "integer", ".spec.numActivators"),
                new("ServiceName", "string", ".status.serviceName"),
                new("PrivateServiceName", "string", ".status.privateServiceName"),
                Ready,
                Reason,
            ],
            Labels = Networking,
        },
        new(
            Resources.Configurations,
            typeof(Configuration),
            "Configuration holds the latest desired state of a workload. Each change of its template creates a new, immutable Revision."
        )
        {
            ShortNames = ["config", "cfg"],
            Categories = Serving,
            Columns = [LatestCreated, LatestReady, Ready, Reason],
            Labels = PodSpecable,
        },
        new(
            Resources.DomainMappings,
            typeof(DomainMapping),
            "DomainMapping makes an addressable object reachable at a domain of its own, which is the mapping's name."
        )
        {
            ShortNames = ["dm"],
            Categories = Serving,
            Columns = [Url, Ready, Reason],
        },
        new(
            Resources.Revisions,
            typeof(Revision),
            "Revision is an immutable snapshot of code and configuration, created by a Configuration and scaled by demand."
        )
        {
            ShortNames = ["rev"],
            Categories = Serving,
            Columns =
            [
                new("Config Name", "string", @".metadata.labels['serving\.knative\.dev/configuration']"),
                new("Generation", "string", @".metadata.labels['serving\.knative\.dev/configurationGeneration']"),
                Ready,
                Reason,
                new("Actual Replicas", "integer", ".status.actualReplicas"),
                new("Desired Replicas", "integer", ".status.desiredReplicas"),
            ],
        },
        new(Resources.Routes, typeof(Route), "Route maps a URL to Revisions, by percent of the traffic and by tag.")
        {
            ShortNames = ["rt"],
            Categories = Serving,
            Columns = [Url, Ready, Reason],
            Labels = Addressable,
        },
        new(
            Resources.KnativeServices,
            typeof(Service),
            "Service manages a workload: it owns a Configuration, which creates its Revisions, and a Route, which routes traffic to them."
        )
        {
            ShortNames = ["kservice", "ksvc"],
            Categories = Serving,
            Columns = [Url, LatestCreated, LatestReady, Ready, Reason],
            Labels = Both,
        },
    ];
}
