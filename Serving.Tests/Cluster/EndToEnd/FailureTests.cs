using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>Errors of Services that cannot run, and the security context of pods.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class FailureTests : EndToEndTests
{
    [Test]
    public async Task An_image_that_cannot_be_pulled_is_named_by_Revision_and_Configuration()
    {
        const string image = "example.com/nobody/ubuntu@sha256:0000000000000000000000000000000000000000000000000000000000000000";
        await Cluster.ApplyAsync(new ServiceManifest("unpullable").ToConfigurationAndRoute(Namespace, image));

        await EventuallyAsync(async () =>
        {
            ConditionOf((await GetAsync(Resources.Configurations, "unpullable")).Status, "Ready")
                .Should()
                .Match<Condition>(ready => ready.Status == "False" && ready.Reason == "RevisionFailed");
            ConditionOf((await GetAsync(Resources.Revisions, "unpullable-00001")).Status, "Ready")
                .Should()
                .Match<Condition>(ready =>
                    ready.Status == "False" && (ready.Reason == "ImagePullBackOff" || ready.Reason == "ErrImagePull")
                );
        });
    }

    [Test]
    public async Task A_pod_that_fits_on_no_node_is_explained()
    {
        await ApplyAsync(new("huge") { Container = "resources: {requests: {cpu: 50000m}, limits: {cpu: 50000m} }" });

        await EventuallyAsync(async () =>
        {
            ConditionOf((await GetAsync(Resources.KnativeServices, "huge")).Status, "ConfigurationsReady")
                .Should()
                .Match<Condition>(ready => ready.Status == "False" && ready.Message.Contains("Insufficient cpu"));
            ConditionOf((await GetAsync(Resources.Revisions, "huge-00001")).Status, "Ready")
                .Should()
                .Match<Condition>(ready => ready.Reason == "Unschedulable" && ready.Message.Contains("Insufficient cpu"));
        });
    }

    [Test]
    public async Task A_pod_that_the_API_server_forbids_is_explained()
    {
        TestCluster.NeedsLocalCluster("its API server would have to reach a webhook of this process");
        await using var quota = await PodQuota.StartAsync();
        await Cluster.ApplyAsync(quota.ManifestFor(Namespace));

        // A pod that is still created shows that the API server does not call the webhook yet.
        await EventuallyAsync(async () =>
        {
            var pod = new Pod
            {
                Metadata = new ObjectMeta { Namespace = Namespace, Name = "tried" },
                Spec = new PodSpec { Containers = [new Container { Name = "one", Image = Cluster.ProgramImage }] },
            };
            var create = () => Cluster.Client.CreateAsync(Resources.Pods, pod, CancellationToken.None, new WriteOptions(DryRun: true));
            await create.Should().ThrowAsync<KubernetesException>().WithMessage("*exceeded quota*");
        });
        await ApplyAsync(new("forbidden"));

        await EventuallyAsync(async () =>
        {
            ConditionOf((await GetAsync(Resources.KnativeServices, "forbidden")).Status, "ConfigurationsReady")
                .Should()
                .Match<Condition>(ready => ready.Status == "False" && ready.Reason == "RevisionFailed");
            ConditionOf((await GetAsync(Resources.Revisions, "forbidden-00001")).Status, "Ready")
                .Should()
                .Match<Condition>(ready => ready.Status == "False" && ready.Message.Contains("exceeded quota"));
        });
        await Cluster.Client.DeleteAsync(
            Resources.ValidatingWebhookConfigurations,
            null,
            PodQuota.NameFor(Namespace),
            CancellationToken.None
        );
    }

    [Test]
    public async Task Containers_get_a_restrictive_security_context_where_the_installation_says_so()
    {
        await StartAsync(new("secured"));

        var context = (await GetAsync(Resources.Revisions, "secured-00001")).Spec.Containers.Single().SecurityContext!;
        context.Capabilities!.Drop.Should().Equal("ALL");
        context.AllowPrivilegeEscalation.Should().BeFalse();
        context.RunAsNonRoot.Should().BeTrue();
        context.SeccompProfile!.Type.Should().Be("RuntimeDefault");
    }

    [Test]
    public async Task A_security_context_that_a_user_chose_is_left_as_it_is()
    {
        await StartAsync(
            new("unsafe")
            {
                Container =
                    "securityContext: {capabilities: {drop: []}, runAsNonRoot: false, allowPrivilegeEscalation: true, seccompProfile: {type: Unconfined} }",
            }
        );

        var context = (await GetAsync(Resources.Revisions, "unsafe-00001")).Spec.Containers.Single().SecurityContext!;
        context.Capabilities!.Drop.Should().BeNullOrEmpty();
        context.AllowPrivilegeEscalation.Should().BeTrue();
        context.SeccompProfile!.Type.Should().Be("Unconfined");
    }
}
