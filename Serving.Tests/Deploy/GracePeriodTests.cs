using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.ConfigMaps;
using Serving.Host.Cluster;

namespace Serving.Tests.Deploy;

/// <summary>A pod that is deleted has the time that its drain takes at most.</summary>
public sealed class GracePeriodTests
{
    private static IEnumerable<string> Files => RenderedManifest.Names;

    [TestCaseSource(nameof(Files))]
    public void The_grace_period_of_each_pod_that_serves_requests_is_longer_than_its_drain(string file)
    {
        foreach (var deployment in RenderedManifest.Read(file).Where(static document => document.Kind == "Deployment"))
        {
            var labels = deployment.PodLabels();
            if (!labels.ContainsKey("serving.knative.dev/module-gateway") && !labels.ContainsKey("serving.knative.dev/module-activator"))
            {
                continue;
            }

            var grace = deployment.Get("spec", "template", "spec", "terminationGracePeriodSeconds")!.Value;
            grace.ValueKind.Should().Be(JsonValueKind.Number);
            TimeSpan
                .FromSeconds(grace.GetInt32())
                .Should()
                .BeGreaterThan(ClusterSession.PodGracePeriod, "the process ends by itself before the kubelet kills it")
                .And.BeLessThan(ClusterSession.PodGracePeriod + TimeSpan.FromMinutes(1), "a node that is drained waits for it");
            foreach (var argument in deployment.Container().GetProperty("args").EnumerateArray().Select(static value => value.GetString()!))
            {
                argument.Should().NotStartWith("--drain-delay", "the grace period is for the default");
            }
        }
    }

    [Test]
    public void The_default_install_serves_requests() =>
        RenderedManifest
            .Read("serving.yaml")
            .Where(static document => document.Kind == "Deployment")
            .Should()
            .Contain(
                static deployment => deployment.PodLabels().ContainsKey("serving.knative.dev/module-gateway"),
                "else the test above proves nothing"
            );

    [Test]
    public void The_process_has_time_for_its_drain() =>
        (ClusterSession.PodDrainDelay + ClusterSession.PodDrainTimeout).Should().BeLessThan(ClusterSession.PodGracePeriod);

    [Test]
    public void The_longest_time_to_drain_that_is_accepted_is_that_of_a_pod()
    {
        GatewayListenersConfigParser
            .Parse(new Dictionary<string, string> { ["drain-timeout"] = $"{ClusterSession.PodDrainTimeout.TotalSeconds}s" })
            .DrainTimeout.Should()
            .Be(ClusterSession.PodDrainTimeout);
        FluentActions
            .Invoking(() =>
                GatewayListenersConfigParser.Parse(
                    new Dictionary<string, string> { ["drain-timeout"] = $"{ClusterSession.PodDrainTimeout.TotalSeconds + 1}s" }
                )
            )
            .Should()
            .Throw<ConfigMapException>();
    }
}
