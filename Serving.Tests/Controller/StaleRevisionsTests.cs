using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.GarbageCollection;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Tests.Support;

namespace Serving.Tests.Controller;

public sealed class StaleRevisionsTests
{
    private static readonly DateTimeOffset Now = new(2026, 6, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly Configuration Owner = new() { Status = new ConfigurationStatus { LatestReadyRevisionName = "latest" } };
    private static readonly GcConfig Config = GcConfig.Default with { MinNonActiveRevisions = 0 };

    [Test]
    public void Old_revisions_out_of_use_go() => Choose(Config, Revision("old", 100), Revision("young", 1)).Should().Equal("old");

    [Test]
    public void The_latest_ready_one_those_in_use_and_those_to_be_kept_stay() =>
        Choose(Config, Revision("latest", 100), Revision("used", 100, state: "active"), Revision("kept", 100, noGc: "true"))
            .Should()
            .BeEmpty();

    [Test]
    public void The_least_that_is_always_kept_stays() =>
        Choose(Config with { MinNonActiveRevisions = 1 }, Revision("older", 101), Revision("old", 100)).Should().Equal("older");

    [Test]
    public void Beyond_the_most_the_oldest_go_whatever_their_age() =>
        Choose(Config with { MaxNonActiveRevisions = 1 }, Revision("a", 3), Revision("b", 2), Revision("c", 1)).Should().Equal("a", "b");

    [Test]
    public void With_everything_disabled_nothing_goes() =>
        Choose(
                Config with
                {
                    RetainSinceCreateTime = null,
                    RetainSinceLastActiveTime = null,
                    MaxNonActiveRevisions = null,
                },
                Revision("old", 1000)
            )
            .Should()
            .BeEmpty();

    [Test]
    public async Task A_revision_that_cannot_be_deleted_is_reported_and_keeps_no_other()
    {
        var cluster = new InMemoryCluster();
        var events = Substitute.For<IEventRecorder>();
        cluster.Put(
            Resources.Configurations,
            Owner with
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = "c" },
            }
        );
        foreach (var name in (string[])["a", "b"])
        {
            var revision = Revision(name, 100);
            cluster.Put(
                Resources.Revisions,
                revision with
                {
                    Metadata = revision.Metadata with
                    {
                        Namespace = "default",
                        Labels = new Dictionary<string, string>(revision.Metadata.Labels) { [ServingKeys.Configuration] = "c" },
                    },
                }
            );
        }

        var collector = new GarbageCollector(
            cluster.For(Resources.Configurations).Lister,
            cluster.For(Resources.Revisions).Lister,
            () => ConfigSnapshot.Default with { Gc = Config },
            events,
            new ManualTimeProvider(Now)
        );
        cluster.FailNext(
            static request => request is { Verb: "delete", Key.Name: "a" },
            new KubernetesException(
                "delete revisions a",
                new Status
                {
                    Code = 403,
                    Reason = "Forbidden",
                    Message = "no",
                }
            )
        );

        await FluentActions
            .Awaiting(() => collector.ReconcileAsync(new ObjectKey("default", "c"), cluster, default))
            .Should()
            .ThrowAsync<KubernetesException>();

        cluster.All(Resources.Revisions).Select(static revision => revision.Metadata.Name).Should().Equal("a");
        events
            .Received(1)
            .Warning(
                Arg.Is<IKubernetesObject>(about => about.Metadata.Name == "c"),
                "InternalError",
                Arg.Is<string>(message => message.Contains("\"a\""))
            );
    }

    private static IEnumerable<string> Choose(GcConfig config, params Revision[] revisions) =>
        StaleRevisions.Choose(Owner, revisions, config, Now).Select(revision => revision.Metadata.Name);

    private static Revision Revision(string name, int hours, string state = "reserve", string noGc = "") =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                CreationTimestamp = Now.AddHours(-hours),
                Labels = new Dictionary<string, string> { [ServingKeys.RoutingState] = state },
                Annotations = new Dictionary<string, string> { [ServingKeys.NoGc] = noGc },
            },
        };
}
