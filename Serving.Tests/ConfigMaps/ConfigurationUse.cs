using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FluentAssertions;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Defaults;
using Serving.Api.Knative;
using Serving.Api.Validation;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Reconcilers;
using Serving.Autoscaler.Scaling;
using Serving.Controller.Revisions.Resources;
using Serving.Kubernetes.Selectors;
using Serving.QueueProxy;
using Serving.Tests.Controller;
using Serving.Tests.Support;
using KnativeService = Serving.Api.Knative.Service;

namespace Serving.Tests.ConfigMaps;

/// <summary>
/// Uses a configuration and a Service as the process does: a Revision's children, which an API server must accept, the sidecar's
/// environment, with which it must start, hosts, Leases. Whatever admission accepts must pass here.
/// </summary>
internal static partial class ConfigurationUse
{
    private static readonly int[] SidecarPorts = [8008, 8012, 8013, 8022, 8112, 9090];

    /// <summary>Throws when something in the configuration is unusable, as far as it depends on <paramref name="map"/>.</summary>
    public static void Check(ConfigSnapshot config, string map)
    {
        if (map is "config-autoscaler" or "config-defaults" or "config-deployment" or "config-observability")
        {
            var service = Samples.Service();
            CheckService(
                service with
                {
                    Spec = service.Spec with
                    {
                        Template = new RevisionTemplateSpec
                        {
                            Spec = new RevisionSpec { Containers = [new Container { Image = "app:1" }] },
                        },
                    },
                },
                config
            );
        }

        CheckHosts(config);
        CheckLeases(config.LeaderElection);
        foreach (var gateway in config.Istio.ExternalGateways.Concat(config.Istio.LocalGateways))
        {
            Label().IsMatch(gateway.Namespace).Should().BeTrue("{0} is a namespace", gateway.Namespace);
            Host().IsMatch(gateway.Name).Should().BeTrue("{0} names a Gateway", gateway.Name);
            gateway.ServiceName.Should().NotBeEmpty();
            gateway.ServiceNamespace.Should().NotBeEmpty();
        }

        foreach (
            var issuer in (IssuerReference[])
                [config.CertManager.IssuerRef, config.CertManager.ClusterLocalIssuerRef, config.CertManager.SystemInternalIssuerRef]
        )
        {
            issuer.Name.Should().NotBeNullOrWhiteSpace();
            issuer.Kind.Should().NotBeNullOrWhiteSpace();
        }

        if (config.Network.NamespaceWildcardCertSelector is { } selector)
            LabelMatcher.Of(selector).Matches(Empty.Map);
    }

    /// <summary>Throws when an admitted Service cannot run.</summary>
    public static void CheckService(KnativeService service, ConfigSnapshot config)
    {
        var context = new AdmissionContext(config);
        var admitted = ServiceDefaults.Apply(service, null, context);
        ServiceValidation
            .Validate(admitted, null, context)
            .Only(FieldErrorLevel.Error)
            .ToString()
            .Should()
            .BeEmpty("a Service that leaves everything to the defaults is fine");
        var template = admitted.Spec.Template;
        var sample = Samples.Revision();
        var revision = sample with
        {
            Metadata = sample.Metadata with
            {
                Labels = Union(template.Metadata.Labels, sample.Metadata.Labels),
                Annotations = template.Metadata.Annotations,
            },
            Spec = template.Spec,
        };
        WriteRules.Check(Resources.Revisions, Json(Resources.Revisions, revision), old: null);
        var deployment = DeploymentMaker.Make(revision, config, "knative-serving");
        WriteRules.Check(Resources.Deployments, Json(Resources.Deployments, deployment), old: null);
        CheckSidecar(deployment);
        CheckAutoscaler(PodAutoscalerMaker.Make(revision, deployment, config.Autoscaler.PodAutoscalerClass), config.Autoscaler);
    }

    private static void CheckSidecar(Deployment deployment)
    {
        var environment = deployment
            .Spec!.Template!.Spec!.Containers.Single(c => c.Name == "queue-proxy")
            .Env.ToDictionary(e => e.Name, e => e.Value);
        (environment["SERVING_POD"], environment["SERVING_POD_IP"]) = ("pod", "10.1.2.3");
        var read = QueueProxyConfig.Read(environment.GetValueOrDefault);
        foreach (var timeout in (TimeSpan[])[read.Timeout, read.ResponseStartTimeout, read.IdleTimeout])
        {
            timeout.Should().BeGreaterThanOrEqualTo(TimeSpan.Zero);
            using var timer = TimeProvider.System.CreateTimer(
                static _ => { },
                null,
                timeout == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : timeout,
                Timeout.InfiniteTimeSpan
            );
        }

        read.Timeout.Should().BePositive("else every request is over before it begins");
        TlsSettings.Read(environment.GetValueOrDefault);
        if (
            read.Observability.RequestMetricsProtocol == "prometheus"
            && read.Observability.RequestMetricsEndpoint is { Length: > 0 } endpoint
        )
        {
            var port = int.Parse(endpoint[(endpoint.LastIndexOf(':') + 1)..], System.Globalization.CultureInfo.InvariantCulture);
            port.Should().BeInRange(1, 65535);
            SidecarPorts.Should().NotContain(port);
        }
    }

    private static void CheckAutoscaler(PodAutoscaler autoscaler, AutoscalerConfig config)
    {
        WriteRules.Check(Resources.PodAutoscalers, Json(Resources.PodAutoscalers, autoscaler), old: null);
        autoscaler = autoscaler with { Metadata = autoscaler.Metadata with { Uid = "pa-uid" } };
        var settings = new AutoscalerSettings(autoscaler, config);
        var className = AutoscalerSettings.ClassOf(autoscaler);
        className.Should().NotBeNullOrWhiteSpace();
        if (className.EndsWith(".knative.dev", StringComparison.Ordinal))
            className.Should().BeOneOf(AutoscalingKeys.KpaClass, AutoscalingKeys.HpaClass);
        var spec = settings.ToDeciderSpec();
        spec.TargetValue.Should().BePositive();
        double.IsFinite(spec.TargetValue).Should().BeTrue();
        spec.PanicThreshold.Should().BePositive();
        spec.MaxScaleUpRate.Should().BeGreaterThan(1);
        spec.MaxScaleDownRate.Should().BeGreaterThan(1);
        spec.InitialScale.Should().BeGreaterThanOrEqualTo(0);
        (spec.TargetBurstCapacity is >= 0 or -1).Should().BeTrue();
        settings.MinScale.Should().BeGreaterThanOrEqualTo(0);
        settings.MaxScale.Should().BeGreaterThanOrEqualTo(0);
        settings.LastPodRetention.Should().BeGreaterThanOrEqualTo(TimeSpan.Zero);
        PodAutoscalerReconciler.ActivatorsFor(spec, 3).Should().BePositive();
        new Decider(spec, 1, DateTimeOffset.UnixEpoch, TimeSpan.FromSeconds(2))
            .Decide(DateTimeOffset.UnixEpoch, 100, 100, 1)
            .DesiredPods.Should()
            .BePositive();
        WriteRules.Check(Resources.Metrics, Json(Resources.Metrics, ChildMaker.Metric(autoscaler, settings, "")), old: null);
        WriteRules.Check(
            Resources.ServerlessServices,
            Json(Resources.ServerlessServices, ChildMaker.ServerlessService(autoscaler, "Proxy", 2)),
            old: null
        );
        if (className == AutoscalingKeys.HpaClass)
        {
            WriteRules.Check(
                Resources.HorizontalPodAutoscalers,
                Json(Resources.HorizontalPodAutoscalers, ChildMaker.HorizontalPodAutoscaler(autoscaler, settings)),
                old: null
            );
        }
    }

    private static void CheckHosts(ConfigSnapshot config)
    {
        var network = config.Network;
        foreach (var domain in config.Domain.Domains.Keys)
        {
            // A template based on annotations gives an incomplete name without them, which the Route's status reports.
            var host = network.DomainName(new DomainTemplateValues("hello", "default", domain));
            Host().IsMatch(host.Trim('.')).Should().BeTrue("{0} is a host", host);
        }

        var tag = network.TagName(new TagTemplateValues("hello", "blue"));
        Label().IsMatch(tag).Should().BeTrue("{0} names a Service", tag);
        tag.Should().NotBe(network.TagName(new TagTemplateValues("hello", "green")));
        network.IngressClass.Should().NotBeNullOrWhiteSpace();
        network.CertificateClass.Should().NotBeNullOrWhiteSpace();
        network.DefaultExternalScheme.Should().BeOneOf("http", "https");
        network.RolloutDuration.Should().BeGreaterThanOrEqualTo(0);
    }

    private static void CheckLeases(LeaderElectionConfig election)
    {
        foreach (var (module, prefix) in election.MapLeasePrefix)
        {
            var lease = new Lease
            {
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = $"{prefix}.00-of-01" },
                Spec = new LeaseSpec
                {
                    HolderIdentity = module,
                    LeaseDurationSeconds = (int)Math.Ceiling(election.LeaseDuration.TotalSeconds),
                },
            };
            WriteRules.Check(Resources.Leases, Json(Resources.Leases, lease), old: null);
        }

        foreach (var time in (TimeSpan[])[election.LeaseDuration, election.RenewDeadline, election.RetryPeriod])
        {
            using var timer = TimeProvider.System.CreateTimer(static _ => { }, null, time, time);
            time.Should().BeGreaterThanOrEqualTo(TimeSpan.FromMilliseconds(50));
        }
    }

    private static JsonObject Json<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject
    {
        var json = JsonSerializer.SerializeToNode(value, type.Json)!.AsObject();
        json["apiVersion"] = type.ApiVersion;
        json["kind"] = type.Kind;
        return json;
    }

    private static Dictionary<string, string> Union(IReadOnlyDictionary<string, string> one, IReadOnlyDictionary<string, string> other) =>
        one.Concat(other).GroupBy(p => p.Key).ToDictionary(g => g.Key, g => g.Last().Value);

    [GeneratedRegex(@"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\z")]
    private static partial Regex Host();

    [GeneratedRegex(@"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\z")]
    private static partial Regex Label();
}
