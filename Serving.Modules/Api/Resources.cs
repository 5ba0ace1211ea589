using Serving.Api.Autoscaling;
using Serving.Api.Caching;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;

namespace Serving.Api;

/// <summary>All resources that we read or write, with the records that model them.</summary>
public static class Resources
{
    public static ResourceType<Pod> Pods { get; } = new("", "v1", "pods", "Pod", ApiJson.Default.Pod, ApiJson.Default.KubernetesListPod);

    public static ResourceType<CoreService> Services { get; } =
        new("", "v1", "services", "Service", ApiJson.Default.CoreService, ApiJson.Default.KubernetesListCoreService);

    public static ResourceType<Endpoints> Endpoints { get; } =
        new("", "v1", "endpoints", "Endpoints", ApiJson.Default.Endpoints, ApiJson.Default.KubernetesListEndpoints);

    public static ResourceType<ConfigMap> ConfigMaps { get; } =
        new("", "v1", "configmaps", "ConfigMap", ApiJson.Default.ConfigMap, ApiJson.Default.KubernetesListConfigMap);

    public static ResourceType<Secret> Secrets { get; } =
        new("", "v1", "secrets", "Secret", ApiJson.Default.Secret, ApiJson.Default.KubernetesListSecret);

    public static ResourceType<Namespace> Namespaces { get; } =
        new("", "v1", "namespaces", "Namespace", ApiJson.Default.Namespace, ApiJson.Default.KubernetesListNamespace, Namespaced: false);

    public static ResourceType<ServiceAccount> ServiceAccounts { get; } =
        new("", "v1", "serviceaccounts", "ServiceAccount", ApiJson.Default.ServiceAccount, ApiJson.Default.KubernetesListServiceAccount);

    public static ResourceType<Node> Nodes { get; } =
        new("", "v1", "nodes", "Node", ApiJson.Default.Node, ApiJson.Default.KubernetesListNode, Namespaced: false);

    public static ResourceType<Event> Events { get; } =
        new("", "v1", "events", "Event", ApiJson.Default.Event, ApiJson.Default.KubernetesListEvent);

    public static ResourceType<Deployment> Deployments { get; } =
        new("apps", "v1", "deployments", "Deployment", ApiJson.Default.Deployment, ApiJson.Default.KubernetesListDeployment);

    public static ResourceType<ReplicaSet> ReplicaSets { get; } =
        new("apps", "v1", "replicasets", "ReplicaSet", ApiJson.Default.ReplicaSet, ApiJson.Default.KubernetesListReplicaSet);

    public static ResourceType<HorizontalPodAutoscaler> HorizontalPodAutoscalers { get; } =
        new(
            "autoscaling",
            "v2",
            "horizontalpodautoscalers",
            "HorizontalPodAutoscaler",
            ApiJson.Default.HorizontalPodAutoscaler,
            ApiJson.Default.KubernetesListHorizontalPodAutoscaler
        );

    public static ResourceType<EndpointSlice> EndpointSlices { get; } =
        new(
            "discovery.k8s.io",
            "v1",
            "endpointslices",
            "EndpointSlice",
            ApiJson.Default.EndpointSlice,
            ApiJson.Default.KubernetesListEndpointSlice
        );

    public static ResourceType<Lease> Leases { get; } =
        new("coordination.k8s.io", "v1", "leases", "Lease", ApiJson.Default.Lease, ApiJson.Default.KubernetesListLease);

    public static ResourceType<WebhookConfiguration> MutatingWebhookConfigurations { get; } =
        new(
            "admissionregistration.k8s.io",
            "v1",
            "mutatingwebhookconfigurations",
            "MutatingWebhookConfiguration",
            ApiJson.Default.WebhookConfiguration,
            ApiJson.Default.KubernetesListWebhookConfiguration,
            Namespaced: false
        );

    public static ResourceType<WebhookConfiguration> ValidatingWebhookConfigurations { get; } =
        new(
            "admissionregistration.k8s.io",
            "v1",
            "validatingwebhookconfigurations",
            "ValidatingWebhookConfiguration",
            ApiJson.Default.WebhookConfiguration,
            ApiJson.Default.KubernetesListWebhookConfiguration,
            Namespaced: false
        );

    public static ResourceType<CustomResourceDefinition> CustomResourceDefinitions { get; } =
        new(
            "apiextensions.k8s.io",
            "v1",
            "customresourcedefinitions",
            "CustomResourceDefinition",
            ApiJson.Default.CustomResourceDefinition,
            ApiJson.Default.KubernetesListCustomResourceDefinition,
            Namespaced: false
        );

    public static ResourceType<Service> KnativeServices { get; } =
        new("serving.knative.dev", "v1", "services", "Service", ApiJson.Default.Service, ApiJson.Default.KubernetesListService);

    public static ResourceType<Configuration> Configurations { get; } =
        new(
            "serving.knative.dev",
            "v1",
            "configurations",
            "Configuration",
            ApiJson.Default.Configuration,
            ApiJson.Default.KubernetesListConfiguration
        );

    public static ResourceType<Revision> Revisions { get; } =
        new("serving.knative.dev", "v1", "revisions", "Revision", ApiJson.Default.Revision, ApiJson.Default.KubernetesListRevision);

    public static ResourceType<Route> Routes { get; } =
        new("serving.knative.dev", "v1", "routes", "Route", ApiJson.Default.Route, ApiJson.Default.KubernetesListRoute);

    public static ResourceType<DomainMapping> DomainMappings { get; } =
        new(
            "serving.knative.dev",
            "v1beta1",
            "domainmappings",
            "DomainMapping",
            ApiJson.Default.DomainMapping,
            ApiJson.Default.KubernetesListDomainMapping
        );

    public static ResourceType<PodAutoscaler> PodAutoscalers { get; } =
        new(
            "autoscaling.internal.knative.dev",
            "v1alpha1",
            "podautoscalers",
            "PodAutoscaler",
            ApiJson.Default.PodAutoscaler,
            ApiJson.Default.KubernetesListPodAutoscaler
        );

    public static ResourceType<Metric> Metrics { get; } =
        new(
            "autoscaling.internal.knative.dev",
            "v1alpha1",
            "metrics",
            "Metric",
            ApiJson.Default.Metric,
            ApiJson.Default.KubernetesListMetric
        );

    public static ResourceType<Ingress> Ingresses { get; } =
        new(
            "networking.internal.knative.dev",
            "v1alpha1",
            "ingresses",
            "Ingress",
            ApiJson.Default.Ingress,
            ApiJson.Default.KubernetesListIngress
        );

    public static ResourceType<ServerlessService> ServerlessServices { get; } =
        new(
            "networking.internal.knative.dev",
            "v1alpha1",
            "serverlessservices",
            "ServerlessService",
            ApiJson.Default.ServerlessService,
            ApiJson.Default.KubernetesListServerlessService
        );

    public static ResourceType<Certificate> Certificates { get; } =
        new(
            "networking.internal.knative.dev",
            "v1alpha1",
            "certificates",
            "Certificate",
            ApiJson.Default.Certificate,
            ApiJson.Default.KubernetesListCertificate
        );

    public static ResourceType<ClusterDomainClaim> ClusterDomainClaims { get; } =
        new(
            "networking.internal.knative.dev",
            "v1alpha1",
            "clusterdomainclaims",
            "ClusterDomainClaim",
            ApiJson.Default.ClusterDomainClaim,
            ApiJson.Default.KubernetesListClusterDomainClaim,
            Namespaced: false
        );

    public static ResourceType<Image> Images { get; } =
        new("caching.internal.knative.dev", "v1alpha1", "images", "Image", ApiJson.Default.Image, ApiJson.Default.KubernetesListImage);
}
