using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using KnativeService = Serving.Api.Knative.Service;

namespace Serving.Tests.Controller;

/// <summary>Objects that the tests of reconcilers begin with.</summary>
internal static class Samples
{
    public const string Namespace = "default";

    public static ConfigSnapshot Config { get; } =
        ConfigSnapshot.Default with
        {
            Deployment = DeploymentConfig.Default with { QueueSidecarImage = "queue:1" },
            Domain = DomainConfig.Default with
            {
                Domains = new Dictionary<string, IReadOnlyDictionary<string, string>> { ["example.com"] = Empty.Map },
            },
        };

    public static RevisionTemplateSpec Template(string image = "app:1") =>
        new()
        {
            Spec = new RevisionSpec
            {
                ContainerConcurrency = 0,
                TimeoutSeconds = 300,
                Containers =
                [
                    new Container
                    {
                        Name = "user-container",
                        Image = image,
                        ReadinessProbe = new Probe
                        {
                            SuccessThreshold = 1,
                            TcpSocket = new TcpSocketAction { Port = 0 },
                        },
                    },
                ],
            },
        };

    public static KnativeService Service(string name = "hello") =>
        new()
        {
            ApiVersion = Resources.KnativeServices.ApiVersion,
            Kind = "Service",
            Metadata = new ObjectMeta
            {
                Name = name,
                Namespace = Namespace,
                Labels = new Dictionary<string, string> { ["team"] = "a" },
                Annotations = new Dictionary<string, string>
                {
                    [ServingKeys.LastModifier] = "me",
                    [ServingKeys.RolloutDuration.Key] = "0s",
                    ["kubectl.kubernetes.io/last-applied-configuration"] = "{}",
                },
            },
            Spec = new ServiceSpec { Template = Template(), Traffic = [new TrafficTarget { LatestRevision = true, Percent = 100 }] },
        };

    public static Revision Revision(string name = "hello-00001") =>
        new()
        {
            ApiVersion = Resources.Revisions.ApiVersion,
            Kind = "Revision",
            Metadata = new ObjectMeta
            {
                Name = name,
                Namespace = Namespace,
                Uid = "rev-uid",
                Generation = 1,
                Labels = new Dictionary<string, string>
                {
                    [ServingKeys.Configuration] = "hello",
                    [ServingKeys.Service] = "hello",
                    [ServingKeys.RoutingState] = "active",
                },
                Annotations = new Dictionary<string, string>
                {
                    [ServingKeys.Routes] = "hello",
                    [AutoscalingKeys.Target.Key] = "5",
                    ["mine"] = "yes",
                },
                OwnerReferences =
                [
                    new OwnerReference
                    {
                        ApiVersion = "serving.knative.dev/v1",
                        Kind = "Configuration",
                        Name = "hello",
                        Uid = "config-uid",
                        Controller = true,
                    },
                ],
            },
            Spec = Template().Spec,
        };
}
