using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Knative;
using Serving.Api.Networking;

namespace Serving.Tests.Controller;

public sealed class TagHeaderRoutingTests
{
    [Test]
    public async Task A_header_chooses_a_tag_under_the_main_host_and_wrong_ones_are_marked()
    {
        var rules = await RulesAsync(FeatureFlag.Enabled);

        foreach (var main in rules.Where(rule => !rule.Hosts[0].StartsWith("old-", StringComparison.Ordinal)))
        {
            main.Http!.Paths.Should().HaveCount(2);
            main.Http.Paths[0].Headers!["Knative-Serving-Tag"].Exact.Should().Be("old");
            main.Http.Paths[0].AppendHeaders.Should().BeEmpty();
            main.Http.Paths[1].Headers.Should().BeNull();
            main.Http.Paths[1].AppendHeaders.Should().Equal(new Dictionary<string, string> { ["Knative-Serving-Default-Route"] = "true" });
        }

        foreach (var tagged in rules.Where(rule => rule.Hosts[0].StartsWith("old-", StringComparison.Ordinal)))
        {
            tagged
                .Http!.Paths.Should()
                .ContainSingle()
                .Which.AppendHeaders.Should()
                .Equal(new Dictionary<string, string> { ["Knative-Serving-Tag"] = "old" });
        }
    }

    [Test]
    public async Task Without_the_feature_hosts_alone_decide() =>
        (await RulesAsync(FeatureFlag.Disabled))
            .Should()
            .HaveCount(4)
            .And.OnlyContain(rule =>
                rule.Http!.Paths.Count == 1 && rule.Http.Paths[0].Headers == null && rule.Http.Paths[0].AppendHeaders.Count == 0
            );

    private static async Task<IReadOnlyList<IngressRule>> RulesAsync(FeatureFlag feature)
    {
        var world = new ReconcilingCluster();
        world.Config = world.Config with { Features = world.Config.Features with { TagHeaderBasedRouting = feature } };
        var service = Samples.Service();
        world.Cluster.Put(
            Resources.KnativeServices,
            service with
            {
                Spec = service.Spec with
                {
                    Traffic =
                    [
                        new TrafficTarget
                        {
                            LatestRevision = true,
                            Percent = 100,
                            Tag = "old",
                        },
                    ],
                },
            }
        );
        await world.SettleAsync();
        world.MakeReady("hello-00001");
        await world.SettleAsync();
        return world.Cluster.Find(Resources.Ingresses, Samples.Namespace, "hello")!.Spec.Rules;
    }
}
