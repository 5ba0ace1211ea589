using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Kubernetes;

namespace Serving.Tests.Controller;

/// <summary>A child that is refused does not keep what carries traffic from following the specification.</summary>
public sealed class FailingChildrenTests
{
    private ReconcilingCluster world = null!;

    [SetUp]
    public void SetUp()
    {
        world = new ReconcilingCluster();
        world.Cluster.Put(Resources.KnativeServices, Samples.Service());
    }

    [Test]
    public async Task A_cache_entry_of_an_image_that_is_refused_does_not_keep_a_Revision_from_its_autoscaler()
    {
        Refuse("create", "images");
        await SettleDespiteAsync();
        world.Cluster.Find(Resources.PodAutoscalers, Samples.Namespace, "hello-00001").Should().NotBeNull();
    }

    [Test]
    public async Task A_Deployment_that_cannot_be_changed_does_not_keep_the_autoscaler_from_its_settings()
    {
        await world.SettleAsync();
        world.Config = world.Config with { Deployment = world.Config.Deployment with { QueueSidecarImage = "queue:2" } };
        var revision = world.Cluster.Find(Resources.Revisions, Samples.Namespace, "hello-00001")!;
        world.Cluster.Put(Resources.Revisions, revision with
        {
            Metadata = revision.Metadata with { Annotations = With(revision.Metadata.Annotations, "autoscaling.knative.dev/max-scale", "7") },
        });
        Refuse("update", "deployments");

        await SettleDespiteAsync();

        world.Cluster.Find(Resources.PodAutoscalers, Samples.Namespace, "hello-00001")!.Metadata.Annotations.Should().Contain("autoscaling.knative.dev/max-scale", "7");
    }

    [Test]
    public async Task A_placeholder_that_is_refused_does_not_keep_the_Ingress_from_the_traffic()
    {
        await ReadyAsync();
        Traffic(new TrafficTarget { LatestRevision = true, Percent = 100 }, new TrafficTarget { RevisionName = "hello-00001", Tag = "old", Percent = 0 });
        Refuse("create", "services");

        await SettleDespiteAsync();

        world.Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello")!.Spec.Rules.SelectMany(rule => rule.Hosts).Should().Contain("old-hello.default.example.com");
    }

    [Test]
    public async Task A_Certificate_that_is_refused_does_not_keep_the_Ingress_from_the_traffic()
    {
        world.Config = world.Config with { Network = world.Config.Network with { ExternalDomainTls = true } };
        Refuse("create", "certificates");
        await world.SettleAsync();
        world.MakeReady("hello-00001");

        await SettleDespiteAsync();

        world.Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello").Should().NotBeNull();
        var certificate = ConditionSet.Get(world.Cluster.Find(Resources.Routes, Samples.Namespace, "hello")!.Status.Conditions, RouteLifecycle.CertificateProvisioned);
        certificate!.Status.Should().Be("False", "the Route says why it has no certificate: {0}", certificate);
    }

    [Test]
    public async Task A_template_that_is_refused_does_not_keep_the_traffic_from_being_rolled_back()
    {
        await ReadyAsync();
        var service = world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        await world.Cluster.UpdateAsync(
            Resources.KnativeServices,
            service with { Spec = service.Spec with { Template = Samples.Template("app:2"), Traffic = [new TrafficTarget { RevisionName = "hello-00001", LatestRevision = false, Percent = 100 }] } },
            CancellationToken.None);
        Refuse("update", "configurations");

        await SettleDespiteAsync();

        world.Cluster.Find(Resources.Routes, Samples.Namespace, "hello")!.Spec.Traffic.Should().ContainSingle().Which.RevisionName.Should().Be("hello-00001");
    }

    private static Dictionary<string, string> With(IReadOnlyDictionary<string, string> map, string key, string value) => new(map) { [key] = value };

    private async Task ReadyAsync()
    {
        await world.SettleAsync();
        world.MakeReady("hello-00001");
        await world.SettleAsync();
        world.MakeIngressReady("hello");
        await world.SettleAsync();
    }

    private void Traffic(params TrafficTarget[] traffic)
    {
        var service = world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!;
        world.Cluster.UpdateAsync(Resources.KnativeServices, service with { Spec = service.Spec with { Traffic = traffic } }, CancellationToken.None).GetAwaiter().GetResult();
    }

    /// <summary>From now on every such write is refused.</summary>
    private void Refuse(string verb, string plural)
    {
        for (var attempt = 0; attempt < 50; attempt++)
        {
            world.Cluster.FailNext(
                request => request.Verb == verb && request.Plural == plural,
                new KubernetesException($"{verb} {plural}", new Status { State = "Failure", Code = 422, Reason = "Invalid", Message = "refused by a test" }));
        }
    }

    /// <summary>Some rounds of everything, as the work queue tries again what fails.</summary>
    private async Task SettleDespiteAsync()
    {
        var failures = 0;
        for (var round = 0; round < 6; round++)
        {
            failures += (await world.TryOnceAsync()).Count;
        }

        failures.Should().BePositive("the refusal is reported, not swallowed");
    }
}
