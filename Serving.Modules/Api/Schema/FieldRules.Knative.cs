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
    private const string LatestCreated = "The newest Revision, which may not be ready yet.";
    private const string Traffic = "How the traffic is divided among Revisions.";

    private static Dictionary<Type, Dictionary<string, FieldRule>> Knative() =>
        new()
        {
            [typeof(Service)] = Kind("The template of the Revisions and the traffic targets.", "The observed state of the Service."),
            [typeof(ServiceSpec)] = new()
            {
                ["template"] = "The template of the next Revision.",
                ["traffic"] = Traffic + " Absent means all of it goes to the newest ready Revision.",
            },
            [typeof(ServiceStatus)] = Status(
                ("address", "The cluster-local address of the Service."),
                ("latestCreatedRevisionName", LatestCreated),
                ("latestReadyRevisionName", LatestReady),
                ("traffic", Traffic),
                ("url", Url)
            ),
            [typeof(Configuration)] = Kind("The desired state.", "The observed state of the Configuration."),
            [typeof(ConfigurationSpec)] = new() { ["template"] = "The template of the next Revision." },
            [typeof(ConfigurationStatus)] = Status(("latestCreatedRevisionName", LatestCreated), ("latestReadyRevisionName", LatestReady)),
            [typeof(Revision)] = Kind("The specification of the Revision. It is immutable.", "The observed state of the Revision."),
            [typeof(RevisionStatus)] = Status(
                ("actualReplicas", "Number of ready pods."),
                ("containerStatuses", "The digests that the images of the containers resolved to."),
                ("desiredReplicas", "Number of pods desired by the autoscaler."),
                ("initContainerStatuses", "The digests that the images of the init containers resolved to."),
                ("logUrl", "The URL of this Revision's logs.")
            ),
            [typeof(ContainerDigest)] = new() { ["imageDigest"] = "The image by its digest.", ["name"] = "The name of the container." },
            [typeof(Route)] = Kind("The desired traffic targets.", "The observed state of the Route."),
            [typeof(RouteSpec)] = new() { ["traffic"] = Traffic },
            [typeof(RouteStatus)] = Status(
                ("address", "The cluster-local address of the Route."),
                ("traffic", Traffic + " Only Revisions are named here."),
                ("url", Url)
            ),
            [typeof(TrafficTarget)] = new()
            {
                ["configurationName"] =
                    "The Configuration whose newest ready Revision gets this share. Mutually exclusive with revisionName.",
                ["latestRevision"] = "Whether the newest ready Revision gets this share. Mutually exclusive with revisionName.",
                ["percent"] = "Percent of the traffic, 0 to 100; 0 when absent. All shares must sum to 100.",
                ["revisionName"] = "The Revision that gets this share.",
                ["tag"] = "A name that gives this target its own URL.",
                ["url"] = "The URL of the tag. Only in status.",
            },
            [typeof(DomainMapping)] = Kind("The target of the domain.", "The observed state of the DomainMapping."),
            [typeof(DomainMappingSpec)] = new()
            {
                ["ref"] = new FieldRule("The addressable object that the domain points to, in the mapping's own namespace.") with
                {
                    Shape = SchemaBuilder.ReferenceShape,
                },
                ["tls"] = "The certificate to use instead of requesting one.",
            },
            [typeof(SecretTls)] = new() { ["secretName"] = "The Secret that contains the certificate and its key." },
            [typeof(DomainMappingStatus)] = Status(("address", "The address of the mapping."), ("url", Url)),
            [typeof(Condition)] = new()
            {
                ["lastTransitionTime"] = "When the condition last changed.",
                ["message"] = "A human-readable message.",
                ["reason"] = "A machine-readable reason, in one word.",
                ["severity"] = "Empty for an error, else Warning or Info.",
                ["status"] = "True, False or Unknown.",
                ["type"] = "The type of the condition.",
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
                ["fieldPath"] = "A field of the object.",
                ["kind"] = new FieldRule("Kind of the object.") { IsOptional = true },
                ["name"] = new FieldRule("Name of the object.") { IsOptional = true },
                ["namespace"] = "Namespace of the object.",
                ["resourceVersion"] = "The resourceVersion of the object.",
                ["uid"] = "UID of the object.",
            },
        };

    private static Dictionary<Type, Dictionary<string, FieldRule>> Internal() =>
        new()
        {
            [typeof(Metric)] = Kind("The metrics to collect.", "The observed state of the Metric."),
            [typeof(MetricSpec)] = new()
            {
                ["panicWindow"] = "The panic window, in nanoseconds.",
                ["scrapeTarget"] = "The Kubernetes Service whose pods are scraped.",
                ["stableWindow"] = "The stable window, in nanoseconds.",
            },
            [typeof(KnativeStatus)] = Status(),
            [typeof(PodAutoscaler)] = Kind("The scale target and how to scale it.", "The observed state of the PodAutoscaler."),
            [typeof(PodAutoscalerSpec)] = new()
            {
                ["containerConcurrency"] = "Maximum number of concurrent requests per pod; 0 means no limit.",
                ["protocolType"] = "The protocol that the program speaks: http1 or h2c.",
                ["reachability"] = "Whether requests can reach the Revision: Reachable, Unreachable, or empty when unknown.",
                ["scaleTargetRef"] = new FieldRule("The scale target, an object with a scale subresource.") with
                {
                    Shape = SchemaBuilder.ScaleTargetShape,
                },
            },
            [typeof(PodAutoscalerStatus)] = Status(
                ("actualScale", "Number of ready pods."),
                ("desiredScale", "Desired number of pods; -1 while unknown."),
                ("metricsServiceName", "The Service whose pods are scraped for metrics."),
                ("serviceName", "The Service that serves the Revision.")
            ),
            [typeof(Image)] = Kind("The image.", "The observed state of the Image."),
            [typeof(ImageSpec)] = new()
            {
                ["image"] = "The name of the container image.",
                ["imagePullSecrets"] = "Secrets for pulling the image.",
                ["serviceAccountName"] = "The service account of the pods that will run the image; its pull secrets count too.",
            },
            [typeof(Certificate)] = Kind("The requested certificate.", "The observed state of the Certificate."),
            [typeof(CertificateSpec)] = new()
            {
                ["dnsNames"] = "The names that the certificate is for; *.example.com is a wildcard.",
                ["domain"] = "The top-level domain of dnsNames.",
                ["secretName"] = "The Secret that stores the certificate.",
            },
            [typeof(CertificateStatus)] = Status(
                ("http01Challenges", "Challenges to solve before the certificate is issued."),
                ("notAfter", new FieldRule("When the certificate expires.") { Format = "date-time" })
            ),
            [typeof(Http01Challenge)] = new()
            {
                ["serviceName"] = "The Service that solves the challenge.",
                ["serviceNamespace"] = "The namespace of that Service.",
                ["servicePort"] = "The port of that Service.",
                ["url"] = "The URL of the challenge.",
            },
            [typeof(ClusterDomainClaim)] = Kind("The owner of the domain."),
            [typeof(ClusterDomainClaimSpec)] = new() { ["namespace"] = "The namespace that may map the domain." },
            [typeof(Ingress)] = Kind("The desired rules.", "The observed state of the Ingress."),
            [typeof(IngressSpec)] = new()
            {
                ["httpOption"] = "Whether plain HTTP is served (Enabled) or redirected to HTTPS (Redirected).",
                ["rules"] = "The rules, by host.",
                ["tls"] = "The certificates, by host.",
            },
            [typeof(IngressTls)] = new()
            {
                ["hosts"] = "The hosts that the certificate is for.",
                ["secretName"] = "The Secret that contains the certificate.",
                ["secretNamespace"] = "The namespace of that Secret; the Ingress's when absent.",
            },
            [typeof(IngressRule)] = new()
            {
                ["hosts"] = "The hosts that the rule is for.",
                ["http"] = "The backends of the hosts.",
                ["visibility"] = "ExternalIP (the default) or ClusterLocal.",
            },
            [typeof(HttpIngressRuleValue)] = new() { ["paths"] = "Paths and their backends; the longest that matches wins." },
            [typeof(HttpIngressPath)] = new()
            {
                ["appendHeaders"] = "Headers set on every request.",
                ["headers"] = "Headers that a request must have.",
                ["path"] = "A literal prefix of the request's path; every path when absent.",
                ["rewriteHost"] = "The Host header sent to the backend.",
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
                ("privateLoadBalancer", "The addresses of cluster-local hosts."),
                ("publicLoadBalancer", "The addresses of public hosts.")
            ),
            [typeof(IngressLoadBalancerStatus)] = new() { ["ingress"] = "The addresses." },
            [typeof(IngressLoadBalancerAddress)] = new()
            {
                ["domain"] = "A DNS name.",
                ["domainInternal"] = "A DNS name inside the cluster.",
                ["ip"] = "An IP address.",
                ["meshOnly"] = "Whether it is reachable only through the mesh.",
            },
            [typeof(ServerlessService)] = Kind(
                "The Revision, and whether pods or activators receive its traffic.",
                "The observed state of the ServerlessService."
            ),
            [typeof(ServerlessServiceSpec)] = new()
            {
                ["mode"] = "Serve: pods receive the traffic. Proxy: activators receive it.",
                ["numActivators"] = "Number of activators for this Revision; 0 means all.",
                ["objectRef"] = new FieldRule("The Deployment whose pods serve.") with { IsAtomic = true },
                ["protocolType"] = "The protocol that the program speaks: http1 or h2c.",
            },
            [typeof(ServerlessServiceStatus)] = Status(
                ("privateServiceName", "The Service that selects the pods."),
                ("serviceName", "The Service that requests go to.")
            ),
        };
}
