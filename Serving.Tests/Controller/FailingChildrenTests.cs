using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Kubernetes.Client;

namespace Serving.Tests.Controller;

/// <summary>A child that is refused does not keep what carries traffic from following the specification.</summary>
public sealed class FailingChildrenTests
{
    private ReconcilingCluster _world = null!;

    [SetUp]
    public void SetUp()
    {
        _world = new ReconcilingCluster();
        _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
    }

    [Test]
    public async Task A_cache_entry_of_an_image_that_is_refused_does_not_keep_a_Revision_from_its_autoscaler()
    {
        Refuse("create", "images");
        await SettleDespiteAsync();
        _world.Cluster.Find(Resources.PodAutoscalers, Samples.Namespace, "hello-00001").Should().NotBeNull();
    }

    [Test]
    public async Task A_Deployment_that_cannot_be_changed_does_not_keep_the_autoscaler_from_its_settings()
    {
        await _world.SettleAsync();
        _world.Config = _world.Config with { Deployment = _world.Config.Deployment with { QueueSidecarImage = "queue:2" } };
        var revision = _world.Cluster.Find(Resources.Revisions, Samples.Namespace, "hello-00001")!;
        _world.Cluster.Put(
            Resources.Revisions,
            revision with
            {
                Metadata = revision.Metadata with
                {
                    Annotations = With(revision.Metadata.Annotations, "autoscaling.knative.dev/max-scale", "7"),
                },
            }
        );
        Refuse("update", "deployments");

        await SettleDespiteAsync();

        _world
            .Cluster.Find(Resources.PodAutoscalers, Samples.Namespace, "hello-00001")!
            .Metadata.Annotations.Should()
            .Contain("autoscaling.knative.dev/max-scale", "7");
    }

    [Test]
    public async Task A_placeholder_that_is_refused_does_not_keep_the_Ingress_from_the_traffic()
    {
        await ReadyAsync();
        Traffic(
            new TrafficTarget { LatestRevision = true, Percent = 100 },
            new TrafficTarget
            {
                RevisionName = "hello-00001",
                Tag = "old",
                Percent = 0,
            }
        );
        Refuse("create", "services");

        await SettleDespiteAsync();

        _world
            .Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello")!
            .Spec.Rules.SelectMany(rule => rule.Hosts)
            .Should()
            .Contain("old-hello.default.example.com");
    }

    [Test]
    public async Task A_Certificate_that_is_refused_does_not_keep_the_Ingress_from_the_traffic()
    {
        _world.Config = _world.Config with { Network = _world.Config.Network with { ExternalDomainTls = true } };
        Refuse("create", "certificates");
        await _world.SettleAsync();
        _world.MakeReady("hello-00001");

        await SettleDespiteAsync();

        _world.Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello").Should().NotBeNull();
        var certificate = ConditionSet.Get(
            _world.Cluster.Find(Resources.Routes, Samples.Namespace, "hello")!.Status.Conditions,
            RouteLifecycle.CertificateProvisioned
        );
        certificate!.Status.Should().Be("False", "the Route says why it has no certificate: {0}", certificate);
    }

    [Test]
    public async Task A_template_that_is_refused_does_not_keep_the_traffic_from_being_rolled_back()
    {
        await ReadyAsync();
        var service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        await _world.Cluster.UpdateAsync(
            Resources.KnativeServices,
            service with
            {
                Spec = service.Spec with
                {
                    Template = Samples.Template("app:2"),
                    Traffic =
                    [
                        new TrafficTarget
                        {
                            RevisionName = "hello-00001",
                            LatestRevision = false,
                            Percent = 100,
                        },
                    ],
                },
            },
            CancellationToken.None
        );
        Refuse("update", "configurations");

        await SettleDespiteAsync();

        _world
            .Cluster.Find(Resources.Routes, Samples.Namespace, "hello")!
            .Spec.Traffic.Should()
            .ContainSingle()
            .Which.RevisionName.Should()
            .Be("hello-00001");
    }

    private static Dictionary<string, string> With(IReadOnlyDictionary<string, string> map, string key, string value) =>
        new(map) { [key] = value };

    private async Task ReadyAsync()
    {
        await _world.SettleAsync();
        _world.MakeReady("hello-00001");
        await _world.SettleAsync();
        _world.MakeIngressReady("hello");
        await _world.SettleAsync();
    }

    private void Traffic(params TrafficTarget[] traffic)
    {
        var service = _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        _world
            .Cluster.UpdateAsync(
                Resources.KnativeServices,
                service with
                {
                    Spec = service.Spec with { Traffic = traffic },
                },
                CancellationToken.None
            )
            .GetAwaiter()
            .GetResult();
    }

    /// <summary>From now on every such write is refused.</summary>
    private void Refuse(string verb, string plural)
    {
        for (var attempt = 0; attempt < 50; attempt++)
        {
            _world.Cluster.FailNext(
                request => request.Verb == verb && request.Plural == plural,
                new KubernetesException(
                    $"{verb} {plural}",
                    new Status
                    {
                        State = "Failure",
                        Code = 422,
                        Reason = "Invalid",
                        Message = "refused by a test",
                    }
                )
            );
        }
    }

    /// <summary>Some rounds of everything, as the work queue tries again what fails.</summary>
    private async Task SettleDespiteAsync()
    {
        var failures = 0;
        for (var round = 0; round < 6; round++)
        {
            failures += (await _world.TryOnceAsync()).Count;
        }

        failures.Should().BePositive("the refusal is reported, not swallowed");
    }
}
