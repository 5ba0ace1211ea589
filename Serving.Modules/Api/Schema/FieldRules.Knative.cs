using Serving.Api.Autoscaling;
using Serving.Api.Caching;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;

namespace Serving.Api.Schema;

internal static partial class FieldRules
{
    private const string Url = "The URL at which the object can be called.";
    private const string LatestReady = "The newest Revision that has become ready.";
    private const string LatestCreated = "The newest Revision made; it may not be ready yet.";
    private const string Traffic = "How the traffic is shared out over Revisions.";

    private static Dictionary<Type, Dictionary<string, FieldRule>> Knative() => new()
    {
        [typeof(Service)] = Kind("The Revision's template and the shares of the traffic.", "The observed state of the Service."),
        [typeof(ServiceSpec)] = new()
        {
            ["template"] = "The template of the next Revision.",
            ["traffic"] = Traffic + " Absent means all of it goes to the newest ready Revision.",
        },
        [typeof(ServiceStatus)] = Status(
            ("address", "Where the Service can be called from inside the cluster."),
            ("latestCreatedRevisionName", LatestCreated),
            ("latestReadyRevisionName", LatestReady),
            ("traffic", Traffic),
            ("url", Url)),
        [typeof(Configuration)] = Kind("The wanted state.", "The observed state of the Configuration."),
        [typeof(ConfigurationSpec)] = new() { ["template"] = "The template of the next Revision." },
        [typeof(ConfigurationStatus)] = Status(("latestCreatedRevisionName", LatestCreated), ("latestReadyRevisionName", LatestReady)),
        [typeof(Revision)] = Kind("What the Revision runs, and how requests reach it. It cannot be changed.", "The observed state of the Revision."),
        [typeof(RevisionStatus)] = Status(
            ("actualReplicas", "Pods that are ready."),
            ("containerStatuses", "The digests that the images of the containers resolved to."),
            ("desiredReplicas", "Pods that the autoscaler wants."),
            ("initContainerStatuses", "The digests that the images of the init containers resolved to."),
            ("logUrl", "Where the logs of this Revision are.")),
        [typeof(ContainerDigest)] = new()
        {
            ["imageDigest"] = "The image by its digest.",
            ["name"] = "The name of the container.",
        },
        [typeof(Route)] = Kind("The wanted shares of the traffic.", "The observed state of the Route."),
        [typeof(RouteSpec)] = new() { ["traffic"] = Traffic },
        [typeof(RouteStatus)] = Status(
            ("address", "Where the Route can be called from inside the cluster."), ("traffic", Traffic + " Only Revisions are named here."), ("url", Url)),
        [typeof(TrafficTarget)] = new()
        {
            ["configurationName"] = "The Configuration whose newest ready Revision gets this share. Excludes revisionName.",
            ["latestRevision"] = "Whether the newest ready Revision gets this share. Excludes revisionName.",
            ["percent"] = "Percent of the traffic, 0 to 100; 0 when absent. All shares must sum to 100.",
            ["revisionName"] = "The Revision that gets this share.",
            ["tag"] = "A name by which this target gets a URL of its own.",
            ["url"] = "The URL of the tag. Only in status.",
        },
        [typeof(DomainMapping)] = Kind("What the domain points to.", "The observed state of the DomainMapping."),
        [typeof(DomainMappingSpec)] = new()
        {
            ["ref"] = new FieldRule("The addressable object that the domain points to, in the mapping's own namespace.") with { Shape = SchemaBuilder.ReferenceShape },
            ["tls"] = "The certificate to use instead of one that is issued.",
        },
        [typeof(SecretTls)] = new() { ["secretName"] = "The Secret that has the certificate and its key." },
        [typeof(DomainMappingStatus)] = Status(("address", "Where the mapping can be called."), ("url", Url)),
        [typeof(Condition)] = new()
        {
            ["lastTransitionTime"] = "When the condition last changed.",
            ["message"] = "What happened, for people.",
            ["reason"] = "Why, in one word, for programs.",
            ["severity"] = "Empty for an error, else Warning or Info.",
            ["status"] = "True, False or Unknown.",
            ["type"] = "The aspect that the condition is about.",
        },
        [typeof(Addressable)] = new()
        {
            ["CACerts"] = "Certificates, in PEM, of the authorities that sign the address's certificate.",
            ["audience"] = "The OIDC audience of the address.",
            ["name"] = "The name of the address.",
            ["url"] = "The URL.",
        },
        [typeof(ObjectReference)] = new()
        {
            ["apiVersion"] = "API version of the object.",
            ["fieldPath"] = "A part of the object.",
            ["kind"] = new FieldRule("Kind of the object.") { IsOptional = true },
            ["name"] = new FieldRule("Name of the object.") { IsOptional = true },
            ["namespace"] = "Namespace of the object.",
            ["resourceVersion"] = "The version of the object that is meant.",
            ["uid"] = "UID of the object.",
        },
    };

    private static Dictionary<Type, Dictionary<string, FieldRule>> Internal() => new()
    {
        [typeof(Metric)] = Kind("What is collected.", "The observed state of the Metric."),
        [typeof(MetricSpec)] = new()
        {
            ["panicWindow"] = "Nanoseconds over which metrics are aggregated where reacting fast matters.",
            ["scrapeTarget"] = "The Kubernetes Service whose pods are asked.",
            ["stableWindow"] = "Nanoseconds over which metrics are aggregated in a steady state.",
        },
        [typeof(KnativeStatus)] = Status(),
        [typeof(PodAutoscaler)] = Kind("What is scaled.", "The observed state of the PodAutoscaler."),
        [typeof(PodAutoscalerSpec)] = new()
        {
            ["containerConcurrency"] = "The most requests that a pod may have in flight; 0 means no limit.",
            ["protocolType"] = "The protocol that the program speaks: http1 or h2c.",
            ["reachability"] = "Whether requests can reach the Revision: Reachable, Unreachable, or empty when unknown.",
            ["scaleTargetRef"] = new FieldRule("The object with a scale subresource that is scaled.") with { Shape = SchemaBuilder.ScaleTargetShape },
        },
        [typeof(PodAutoscalerStatus)] = Status(
            ("actualScale", "Pods that are ready."),
            ("desiredScale", "Pods wanted; -1 until known."),
            ("metricsServiceName", "The Service whose pods are asked for metrics."),
            ("serviceName", "The Service that serves the Revision.")),
        [typeof(Image)] = Kind("The image.", "The observed state of the Image."),
        [typeof(ImageSpec)] = new()
        {
            ["image"] = "The name of the container image.",
            ["imagePullSecrets"] = "Secrets with which the image is pulled.",
            ["serviceAccountName"] = "The service account of the pods that will run the image; its pull secrets count too.",
        },
        [typeof(Certificate)] = Kind("The certificate wanted.", "The observed state of the Certificate."),
        [typeof(CertificateSpec)] = new()
        {
            ["dnsNames"] = "The names that the certificate is for; *.example.com is a wildcard.",
            ["domain"] = "The top-level domain of dnsNames.",
            ["secretName"] = "The Secret that the certificate is put in.",
        },
        [typeof(CertificateStatus)] = Status(
            ("http01Challenges", "Challenges that must be answered for the certificate to be issued."),
            ("notAfter", new FieldRule("When the certificate expires.") { Format = "date-time" })),
        [typeof(Http01Challenge)] = new()
        {
            ["serviceName"] = "The Service that answers.",
            ["serviceNamespace"] = "The namespace of that Service.",
            ["servicePort"] = "The port of that Service.",
            ["url"] = "The URL that is asked for.",
        },
        [typeof(ClusterDomainClaim)] = Kind("Who may use the domain."),
        [typeof(ClusterDomainClaimSpec)] = new() { ["namespace"] = "The namespace that may map the domain." },
        [typeof(Ingress)] = Kind("The rules wanted.", "The observed state of the Ingress."),
        [typeof(IngressSpec)] = new()
        {
            ["httpOption"] = "Whether plain HTTP is served (Enabled) or redirected to HTTPS (Redirected).",
            ["rules"] = "The rules, by host.",
            ["tls"] = "The certificates, by host.",
        },
        [typeof(IngressTls)] = new()
        {
            ["hosts"] = "The hosts that the certificate is for.",
            ["secretName"] = "The Secret that has the certificate.",
            ["secretNamespace"] = "The namespace of that Secret; the Ingress's when absent.",
        },
        [typeof(IngressRule)] = new()
        {
            ["hosts"] = "The hosts that the rule is for.",
            ["http"] = "Where their requests go.",
            ["visibility"] = "ExternalIP (the default) or ClusterLocal.",
        },
        [typeof(HttpIngressRuleValue)] = new() { ["paths"] = "Paths and their backends; the longest that matches wins." },
        [typeof(HttpIngressPath)] = new()
        {
            ["appendHeaders"] = "Headers set on every request.",
            ["headers"] = "Headers that a request must have.",
            ["path"] = "A literal prefix of the request's path; every path when absent.",
            ["rewriteHost"] = "The Host that the backend sees.",
            ["splits"] = "The backends and their shares.",
        },
        [typeof(HeaderMatch)] = new() { ["exact"] = "The value that the header must have." },
        [typeof(IngressBackendSplit)] = new()
        {
            ["appendHeaders"] = "Headers set on requests to this backend.",
            ["percent"] = new FieldRule("Percent of the requests, 0 to 100.") { Format = "" },
            ["serviceName"] = "The Service of the backend.",
            ["serviceNamespace"] = "The namespace of that Service.",
            ["servicePort"] = "The port of that Service.",
        },
        [typeof(IngressStatus)] = Status(
            ("privateLoadBalancer", "Where cluster-local hosts are served."), ("publicLoadBalancer", "Where public hosts are served.")),
        [typeof(IngressLoadBalancerStatus)] = new() { ["ingress"] = "The addresses." },
        [typeof(IngressLoadBalancerAddress)] = new()
        {
            ["domain"] = "A DNS name.",
            ["domainInternal"] = "A DNS name inside the cluster.",
            ["ip"] = "An IP address.",
            ["meshOnly"] = "Whether only the mesh reaches it.",
        },
        [typeof(ServerlessService)] = Kind("Which Revision, and who takes its traffic.", "The observed state of the ServerlessService."),
        [typeof(ServerlessServiceSpec)] = new()
        {
            ["mode"] = "Serve: pods take the traffic. Proxy: activators do.",
            ["numActivators"] = "Activators that take the traffic of this Revision; 0 means all.",
            ["objectRef"] = new FieldRule("The object, a Deployment, whose pods serve.") with { IsAtomic = true },
            ["protocolType"] = "The protocol that the program speaks: http1 or h2c.",
        },
        [typeof(ServerlessServiceStatus)] = Status(
            ("privateServiceName", "The Service that selects the pods."), ("serviceName", "The Service that requests go to.")),
    };
}
