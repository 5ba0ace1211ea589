using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Defaults;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.Validation;

namespace Serving.Webhook;

/// <summary>The kinds that are admitted, and the rules of the webhook configurations.</summary>
internal static class AdmittedKinds
{
    /// <summary>All kinds, in the order of their rules: by group, version and resource.</summary>
    public static IReadOnlyList<IAdmittedKind> All { get; } =
    [
        .. new IAdmittedKind[]
        {
            new AdmittedKind<Metric>(Resources.Metrics, static (v, _, _) => v, MetricValidation.Validate),
            new AdmittedKind<PodAutoscaler>(
                Resources.PodAutoscalers,
                static (v, _, c) => PodAutoscalerDefaults.Apply(v, c),
                PodAutoscalerValidation.Validate
            ),
            new AdmittedKind<Certificate>(
                Resources.Certificates,
                static (v, _, _) => v,
                static (v, _, c) => CertificateValidation.Validate(v, c)
            ),
            new AdmittedKind<Ingress>(
                Resources.Ingresses,
                static (v, _, _) => IngressDefaults.Apply(v),
                static (v, _, c) => IngressValidation.Validate(v, c)
            ),
            new AdmittedKind<ServerlessService>(
                Resources.ServerlessServices,
                static (v, _, _) => v,
                static (v, _, c) => ServerlessServiceValidation.Validate(v, c)
            ),
            new AdmittedKind<Configuration>(Resources.Configurations, ConfigurationDefaults.Apply, ConfigurationValidation.Validate),
            new AdmittedKind<DomainMapping>(Resources.DomainMappings, DomainMappingDefaults.Apply, DomainMappingValidation.Validate),
            new AdmittedKind<Revision>(Resources.Revisions, static (v, _, c) => RevisionDefaults.Apply(v, c), RevisionValidation.Validate),
            new AdmittedKind<Route>(Resources.Routes, RouteDefaults.Apply, RouteValidation.Validate),
            new AdmittedKind<Service>(Resources.KnativeServices, ServiceDefaults.Apply, ServiceValidation.Validate),
        }
            .OrderBy(k => k.Resource.Group, StringComparer.Ordinal)
            .ThenBy(k => k.Resource.Version, StringComparer.Ordinal)
            .ThenBy(k => k.Resource.Plural, StringComparer.Ordinal),
    ];

    private static readonly Dictionary<GroupVersionKind, IAdmittedKind> ByKind = All.ToDictionary(k => new GroupVersionKind(
        k.Resource.Group,
        k.Resource.Version,
        k.Resource.Kind
    ));

    /// <summary>The kind, or null if it is not one of ours.</summary>
    public static IAdmittedKind? Find(GroupVersionKind kind) => ByKind.GetValueOrDefault(kind);
}
