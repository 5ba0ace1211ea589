using System.Collections;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Serving.Api.Autoscaling;
using Serving.Api.Caching;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;

namespace Serving.Api;

/// <summary>
/// Serializes API documents. Invariant: values that Go omits as empty (strings, lists and maps) are not written, fields required by the
/// schema always are, and times have Go's format, so that documents compare equal to those of other clients.
/// </summary>
public sealed class ApiJson
{
    private ApiJson()
    {
        var options = new JsonSerializerOptions(GeneratedApiJson.Default.Options)
        {
            TypeInfoResolver = GeneratedApiJson.Default.WithAddedModifier(OmitEmpty),
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
        options.Converters.Add(new TimeConverter());
        options.Converters.Add(new PooledStringConverter());
        options.MakeReadOnly();
        Options = options;
    }

    /// <summary>The single instance.</summary>
    public static ApiJson Default { get; } = new();

    /// <summary>Options that serialize every type of <see cref="Resources"/>.</summary>
    public JsonSerializerOptions Options { get; }

    public JsonTypeInfo<Pod> Pod => Of<Pod>();
    public JsonTypeInfo<KubernetesList<Pod>> KubernetesListPod => Of<KubernetesList<Pod>>();
    public JsonTypeInfo<CoreService> CoreService => Of<CoreService>();
    public JsonTypeInfo<KubernetesList<CoreService>> KubernetesListCoreService => Of<KubernetesList<CoreService>>();
    public JsonTypeInfo<Endpoints> Endpoints => Of<Endpoints>();
    public JsonTypeInfo<KubernetesList<Endpoints>> KubernetesListEndpoints => Of<KubernetesList<Endpoints>>();
    public JsonTypeInfo<ConfigMap> ConfigMap => Of<ConfigMap>();
    public JsonTypeInfo<KubernetesList<ConfigMap>> KubernetesListConfigMap => Of<KubernetesList<ConfigMap>>();
    public JsonTypeInfo<Secret> Secret => Of<Secret>();
    public JsonTypeInfo<KubernetesList<Secret>> KubernetesListSecret => Of<KubernetesList<Secret>>();
    public JsonTypeInfo<Namespace> Namespace => Of<Namespace>();
    public JsonTypeInfo<KubernetesList<Namespace>> KubernetesListNamespace => Of<KubernetesList<Namespace>>();
    public JsonTypeInfo<ServiceAccount> ServiceAccount => Of<ServiceAccount>();
    public JsonTypeInfo<KubernetesList<ServiceAccount>> KubernetesListServiceAccount => Of<KubernetesList<ServiceAccount>>();
    public JsonTypeInfo<Node> Node => Of<Node>();
    public JsonTypeInfo<KubernetesList<Node>> KubernetesListNode => Of<KubernetesList<Node>>();
    public JsonTypeInfo<Event> Event => Of<Event>();
    public JsonTypeInfo<KubernetesList<Event>> KubernetesListEvent => Of<KubernetesList<Event>>();
    public JsonTypeInfo<Deployment> Deployment => Of<Deployment>();
    public JsonTypeInfo<KubernetesList<Deployment>> KubernetesListDeployment => Of<KubernetesList<Deployment>>();
    public JsonTypeInfo<ReplicaSet> ReplicaSet => Of<ReplicaSet>();
    public JsonTypeInfo<KubernetesList<ReplicaSet>> KubernetesListReplicaSet => Of<KubernetesList<ReplicaSet>>();
    public JsonTypeInfo<HorizontalPodAutoscaler> HorizontalPodAutoscaler => Of<HorizontalPodAutoscaler>();
    public JsonTypeInfo<KubernetesList<HorizontalPodAutoscaler>> KubernetesListHorizontalPodAutoscaler =>
        Of<KubernetesList<HorizontalPodAutoscaler>>();
    public JsonTypeInfo<EndpointSlice> EndpointSlice => Of<EndpointSlice>();
    public JsonTypeInfo<KubernetesList<EndpointSlice>> KubernetesListEndpointSlice => Of<KubernetesList<EndpointSlice>>();
    public JsonTypeInfo<Lease> Lease => Of<Lease>();
    public JsonTypeInfo<KubernetesList<Lease>> KubernetesListLease => Of<KubernetesList<Lease>>();
    public JsonTypeInfo<WebhookConfiguration> WebhookConfiguration => Of<WebhookConfiguration>();
    public JsonTypeInfo<KubernetesList<WebhookConfiguration>> KubernetesListWebhookConfiguration =>
        Of<KubernetesList<WebhookConfiguration>>();
    public JsonTypeInfo<CustomResourceDefinition> CustomResourceDefinition => Of<CustomResourceDefinition>();
    public JsonTypeInfo<KubernetesList<CustomResourceDefinition>> KubernetesListCustomResourceDefinition =>
        Of<KubernetesList<CustomResourceDefinition>>();
    public JsonTypeInfo<Service> Service => Of<Service>();
    public JsonTypeInfo<KubernetesList<Service>> KubernetesListService => Of<KubernetesList<Service>>();
    public JsonTypeInfo<Configuration> Configuration => Of<Configuration>();
    public JsonTypeInfo<KubernetesList<Configuration>> KubernetesListConfiguration => Of<KubernetesList<Configuration>>();
    public JsonTypeInfo<Revision> Revision => Of<Revision>();
    public JsonTypeInfo<KubernetesList<Revision>> KubernetesListRevision => Of<KubernetesList<Revision>>();
    public JsonTypeInfo<Route> Route => Of<Route>();
    public JsonTypeInfo<KubernetesList<Route>> KubernetesListRoute => Of<KubernetesList<Route>>();
    public JsonTypeInfo<DomainMapping> DomainMapping => Of<DomainMapping>();
    public JsonTypeInfo<KubernetesList<DomainMapping>> KubernetesListDomainMapping => Of<KubernetesList<DomainMapping>>();
    public JsonTypeInfo<PodAutoscaler> PodAutoscaler => Of<PodAutoscaler>();
    public JsonTypeInfo<KubernetesList<PodAutoscaler>> KubernetesListPodAutoscaler => Of<KubernetesList<PodAutoscaler>>();
    public JsonTypeInfo<Metric> Metric => Of<Metric>();
    public JsonTypeInfo<KubernetesList<Metric>> KubernetesListMetric => Of<KubernetesList<Metric>>();
    public JsonTypeInfo<Ingress> Ingress => Of<Ingress>();
    public JsonTypeInfo<KubernetesList<Ingress>> KubernetesListIngress => Of<KubernetesList<Ingress>>();
    public JsonTypeInfo<ServerlessService> ServerlessService => Of<ServerlessService>();
    public JsonTypeInfo<KubernetesList<ServerlessService>> KubernetesListServerlessService => Of<KubernetesList<ServerlessService>>();
    public JsonTypeInfo<Certificate> Certificate => Of<Certificate>();
    public JsonTypeInfo<KubernetesList<Certificate>> KubernetesListCertificate => Of<KubernetesList<Certificate>>();
    public JsonTypeInfo<ClusterDomainClaim> ClusterDomainClaim => Of<ClusterDomainClaim>();
    public JsonTypeInfo<KubernetesList<ClusterDomainClaim>> KubernetesListClusterDomainClaim => Of<KubernetesList<ClusterDomainClaim>>();
    public JsonTypeInfo<Image> Image => Of<Image>();
    public JsonTypeInfo<KubernetesList<Image>> KubernetesListImage => Of<KubernetesList<Image>>();
    public JsonTypeInfo<Status> Status => Of<Status>();

    /// <summary>The type information of <typeparamref name="T"/>; throws when it is not an API type.</summary>
    public JsonTypeInfo<T> Of<T>() => (JsonTypeInfo<T>)Options.GetTypeInfo(typeof(T));

    /// <summary>Whether a document must contain the field, see <see cref="RequiredFieldAttribute"/>.</summary>
    internal static bool IsRequired(JsonPropertyInfo property) => Has<RequiredFieldAttribute>(property);

    /// <summary>Whether an empty value is written only because the field is required, so that it is equivalent to a missing one.</summary>
    internal static bool IsOnlyRequired(JsonPropertyInfo property) => IsRequired(property) && !Has<WrittenWhenEmptyAttribute>(property);

    private static bool Has<TAttribute>(JsonPropertyInfo property)
        where TAttribute : Attribute => property.AttributeProvider?.IsDefined(typeof(TAttribute), inherit: true) == true;

    private static void OmitEmpty(JsonTypeInfo type)
    {
        foreach (var property in type.Properties)
        {
            if (IsRequired(property))
            {
                property.ShouldSerialize = static (_, _) => true;
                continue;
            }

            if (Has<WrittenWhenEmptyAttribute>(property))
            {
                continue;
            }

            if (property.PropertyType == typeof(string))
            {
                property.ShouldSerialize = static (_, value) => value is string { Length: > 0 };
            }
            else if (!property.IsExtensionData && typeof(IEnumerable).IsAssignableFrom(property.PropertyType))
            {
                property.ShouldSerialize = static (_, value) =>
                    value switch
                    {
                        null => false,
                        ICollection collection => collection.Count > 0,
                        IReadOnlyCollection<KeyValuePair<string, string>> map => map.Count > 0,
                        _ => ((IEnumerable)value).GetEnumerator().MoveNext(),
                    };
            }
        }
    }
}
