using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>Routing by Routes, tags and visibility.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class RoutingTests : EndToEndTests
{
    private const string ClusterLocal = $"{NetworkingKeys.Visibility}: {NetworkingKeys.ClusterLocal}";

    [Test]
    public async Task Traffic_moves_to_the_next_Revision_over_the_time_of_its_rollout()
    {
        var manifest = new ServiceManifest("rollout")
        {
            Annotations = "serving.knative.dev/rollout-duration: 10s",
            Environment = [("TEXT", "one")],
        };
        await StartAsync(manifest);
        await using var load = LoadOf("rollout", 1, "/");
        await ApplyAsync(manifest with { Environment = [("TEXT", "two")] });

        await EventuallyAsync(async () =>
        {
            var status = (await GetAsync(Resources.KnativeServices, "rollout")).Status;
            ConditionOf(status, "RoutesReady")!.Reason.Should().Be("RolloutInProgress");
            status.Traffic.Select(target => target.RevisionName).Should().BeEquivalentTo("rollout-00001", "rollout-00002");
        });
        var before = 0L;
        await EventuallyAsync(async () =>
        {
            var status = (await GetAsync(Resources.KnativeServices, "rollout")).Status;
            var share = status.Traffic.Single(target => target.RevisionName == "rollout-00002").Percent!.Value;
            share.Should().BeGreaterThanOrEqualTo(before, "it only grows");
            before = share;
            ConditionOf(status, "Ready").Should().Match<Condition>(ready => ready.Status == "True");
            status.Traffic.Should().ContainSingle().Which.Percent.Should().Be(100);
        });
        (await CallAsync("rollout")).Should().Be((HttpStatusCode.OK, "two"));
    }

    [Test]
    public async Task A_header_chooses_the_Revision_of_a_tag()
    {
        var manifest = new ServiceManifest("tagged") { Environment = [("TEXT", "one")] };
        await StartAsync(manifest);
        await UpdateAsync(
            manifest with
            {
                Environment = [("TEXT", "two")],
                Traffic = "{tag: rev1, revisionName: tagged-00001, percent: 0}, {latestRevision: true, percent: 100}",
            }
        );

        (await CallWithTagAsync("rev1")).Should().Be("one");
        (await CallWithTagAsync("rev-wrong")).Should().Be("two");
        (await CallWithTagAsync(null)).Should().Be("two");

        async Task<string> CallWithTagAsync(string? tag)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = HostOf("tagged") } };
            if (tag is not null)
            {
                request.Headers.Add(Headers.Tag, tag);
            }

            using var response = await Cluster.Gateway.SendAsync(request);
            return await response.Content.ReadAsStringAsync();
        }
    }

    [Test]
    public async Task A_Service_whose_Route_names_a_Revision_that_is_not_there_says_so()
    {
        await ApplyAsync(new("missing") { Traffic = "{revisionName: foobar, percent: 100}" });

        await EventuallyAsync(async () =>
        {
            var status = (await GetAsync(Resources.KnativeServices, "missing")).Status;
            ConditionOf(status, "Ready").Should().Match<Condition>(ready => ready.Status == "False");
            ConditionOf(status, "RoutesReady")
                .Should()
                .Match<Condition>(ready => ready.Status == "False" && ready.Message.Contains("foobar"));
        });
        ConditionOf((await GetAsync(Resources.Routes, "missing")).Status, "Ready")
            .Should()
            .Match<Condition>(ready => ready.Status == "False");
    }

    [TestCase("single", "{latestRevision: true, percent: 100}")]
    [TestCase("tag-only", "{latestRevision: true, percent: 100, tag: cow}")]
    [TestCase("both", "{latestRevision: true, percent: 60}, {latestRevision: true, percent: 40, tag: cow}")]
    public async Task A_public_Route_may_become_private(string name, string traffic)
    {
        var manifest = new ServiceManifest(name) { Traffic = traffic };
        var service = await StartAsync(manifest);
        IsLocal(service.Status.Url).Should().BeFalse();
        (await CallAsync(name)).Status.Should().Be(HttpStatusCode.OK);

        await ApplyAsync(manifest with { Labels = ClusterLocal });

        await EventuallyAsync(async () =>
        {
            var status = (await GetAsync(Resources.Routes, name)).Status;
            IsLocal(status.Url).Should().BeTrue();
            ConditionOf(status, "Ready").Should().Match<Condition>(ready => ready.Status == "True");
            ConditionOf((await GetAsync(Resources.KnativeServices, name)).Status, "Ready")
                .Should()
                .Match<Condition>(ready => ready.Status == "True");
        });
        await EventuallyAsync(async () =>
            (await CallAsync(name)).Status.Should().Be(HttpStatusCode.NotFound, "nothing outside finds it any more")
        );
    }

    [Test]
    public async Task A_tag_of_a_public_Route_may_be_private_and_all_are_when_the_Route_is()
    {
        var manifest = new ServiceManifest("public") { Traffic = "{tag: my-tag, latestRevision: true, percent: 100}" };
        var service = await StartAsync(manifest);
        IsLocal(service.Status.Url).Should().BeFalse();
        IsLocal(service.Status.Traffic.Single().Url).Should().BeFalse();

        await PatchAsync(
            Resources.Services,
            "my-tag-public",
            $$"""{"metadata":{"labels":{"{{NetworkingKeys.Visibility}}":"{{NetworkingKeys.ClusterLocal}}"} } }"""
        );
        manifest = manifest with { Traffic = manifest.Traffic + ", {tag: my-tag2, latestRevision: true, percent: 0}" };
        await ApplyAsync(manifest);
        await EventuallyAsync(async () => (await LocalTagsAsync("public")).Should().BeEquivalentTo([("my-tag", true), ("my-tag2", false)]));

        await ApplyAsync(manifest with { Labels = ClusterLocal });
        await EventuallyAsync(async () =>
        {
            IsLocal((await GetAsync(Resources.Routes, "public")).Status.Url).Should().BeTrue();
            (await LocalTagsAsync("public")).Should().BeEquivalentTo([("my-tag", true), ("my-tag2", true)]);
        });
    }

    [Test]
    public async Task A_tag_that_was_made_private_itself_stays_so_when_the_Route_becomes_public()
    {
        var manifest = new ServiceManifest("private")
        {
            Traffic = "{tag: my-tag, latestRevision: true, percent: 50}, {tag: my-tag2, latestRevision: true, percent: 50}",
            Labels = ClusterLocal,
        };
        var service = await StartAsync(manifest);
        IsLocal(service.Status.Url).Should().BeTrue();
        (await LocalTagsAsync("private")).Should().BeEquivalentTo([("my-tag", true), ("my-tag2", true)]);

        await PatchAsync(
            Resources.Services,
            "my-tag-private",
            $$"""{"metadata":{"labels":{"{{NetworkingKeys.Visibility}}":"{{NetworkingKeys.ClusterLocal}}"} } }"""
        );
        await ThroughoutAsync(
            TimeSpan.FromSeconds(2),
            async () => (await LocalTagsAsync("private")).Should().OnlyContain(tag => tag.IsLocal)
        );

        await ApplyAsync(manifest with { Labels = "" });
        await EventuallyAsync(async () =>
        {
            var status = (await GetAsync(Resources.Routes, "private")).Status;
            IsLocal(status.Url).Should().BeFalse();
            ConditionOf(status, "Ready").Should().Match<Condition>(ready => ready.Status == "True");
            (await LocalTagsAsync("private")).Should().BeEquivalentTo([("my-tag", true), ("my-tag2", false)]);
        });
    }

    [Test]
    public async Task A_Service_may_go_back_to_the_Revision_that_it_had_under_a_name_of_its_own()
    {
        ServiceManifest Of(string revision) =>
            new("back")
            {
                RevisionName = revision,
                Traffic = $"{{revisionName: {revision}, percent: 100}}",
                Environment = [("TEXT", revision)],
            };
        await StartAsync(Of("back-byo-foo"));
        (await UpdateAsync(Of("back-byo-foo-new"))).Should().Be("back-byo-foo-new");
        (await CallAsync("back")).Body.Should().Be("back-byo-foo-new");

        (await UpdateAsync(Of("back-byo-foo"))).Should().Be("back-byo-foo");

        await EventuallyAsync(async () =>
        {
            var status = (await GetAsync(Resources.KnativeServices, "back")).Status;
            status
                .Traffic.Should()
                .ContainSingle()
                .Which.Should()
                .Match<TrafficTarget>(target => target.RevisionName == "back-byo-foo" && target.Percent == 100);
            (status.LatestCreatedRevisionName, status.LatestReadyRevisionName).Should().Be(("back-byo-foo", "back-byo-foo"));
        });
        (await ListAsync(Resources.Revisions)).Should().HaveCount(2, "none is made to go back");
        (await CallAsync("back")).Body.Should().Be("back-byo-foo");
    }

    [Test]
    public async Task Services_of_one_name_in_two_namespaces_keep_apart()
    {
        var other = await Cluster.CreateNamespaceAsync();
        await Cluster.ApplyAsync(new ServiceManifest("same") { Environment = [("TEXT", "two")] }.ToService(other, Cluster.ProgramImage));
        await StartAsync(new("same") { Environment = [("TEXT", "one")] });
        await Cluster.WaitForReadyAsync(other, "same", Limit);

        (await CallAsync("same")).Body.Should().Be("one");
        (await Cluster.GetAsync($"same.{other}.{await Cluster.DomainAsync()}")).Body.Should().Be("two");
        await Cluster.Client.DeleteAsync(Resources.KnativeServices, other, "same", CancellationToken.None);
    }

    [Test]
    public async Task A_Service_of_Kubernetes_elsewhere_that_claims_to_be_of_the_Route_does_not_matter()
    {
        var other = await Cluster.CreateNamespaceAsync();
        await Cluster.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Service
            metadata: {name: stranger, namespace: {{other}}, labels: { {{ServingKeys.Route}}: conflicting} }
            spec: {type: ExternalName, externalName: some-internal-addr}
            """
        );

        await StartAsync(new("conflicting") { Traffic = "{tag: chips, latestRevision: true, percent: 100}" });

        (await CallAsync("chips-conflicting")).Status.Should().Be(HttpStatusCode.OK);
    }

    [Test]
    public async Task The_oldest_Revision_without_traffic_goes_when_there_are_more_than_the_installation_keeps()
    {
        ServiceManifest Of(int number) => new("collected") { Environment = [("TEXT", $"{number}")], Scaling = [("window", "6s")] };
        await StartAsync(Of(1));
        (await GetAsync(Resources.Revisions, "collected-00001"))
            .Metadata.Labels.Should()
            .Contain(ServingKeys.RoutingState, ServingKeys.RoutingStateActive);
        for (var number = 2; number <= 4; number++)
        {
            (await UpdateAsync(Of(number))).Should().Be($"collected-0000{number}");
        }

        await EventuallyAsync(async () =>
            (await ListAsync(Resources.Revisions))
                .Select(revision => revision.Metadata.Name)
                .Should()
                .BeEquivalentTo("collected-00002", "collected-00003", "collected-00004")
        );
        (await CallAsync("collected")).Body.Should().Be("4");
    }

    private static bool IsLocal(string url) => new Uri(url).Host.EndsWith(".local", StringComparison.Ordinal);

    private async Task<List<(string Tag, bool IsLocal)>> LocalTagsAsync(string route) =>
        [.. (await GetAsync(Resources.Routes, route)).Status.Traffic.Select(target => (target.Tag, IsLocal(target.Url)))];
}
