using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.NetworkLayers;

/// <summary>A network layer of another project: the test plays its controller, which writes the status of Ingresses, late or not at
/// all.</summary>
[Category("Slow")]
[Parallelizable]
public sealed class ExternalControllerTests
{
    private const string Class = "layer.example.com";

    [Test]
    public async Task A_Service_follows_a_controller_that_is_slow_and_one_that_changes_its_mind_and_says_which_class_it_waits_for()
    {
        TestCluster.NeedsLocalCluster("this plays the controller of an ingress class that no cluster has");
        await using var cluster = await LocalClusterHarness.StartAsync();
        await cluster.ApplyAsync(Manifest("World"));

        // Nobody serves the class.
        await Eventually.HoldsAsync(
            async () =>
            {
                var condition = await IngressReadyAsync(cluster);
                condition.Should().Be(("Unknown", "IngressNotConfigured", Waiting));
            },
            TimeSpan.FromSeconds(60)
        );
        (await ServiceReadyAsync(cluster)).Should().Be("Unknown");

        // The controller comes, and is ready after a while.
        await WriteAsync(cluster, IngressLifecycle.Initialize);
        await Eventually.HoldsAsync(async () => (await IngressReadyAsync(cluster)).Status.Should().Be("Unknown"));
        await WriteAsync(cluster, MarkReady);
        await cluster.WaitForReadyAsync("default", "hello");
        await Eventually.HoldsAsync(async () =>
            (await cluster.Client.GetAsync(Resources.Services, "default", "hello", CancellationToken.None))
                .Spec!.ExternalName.Should()
                .Be("layer.example.svc.cluster.local", "the placeholder leads to the layer")
        );

        // It fails, and recovers.
        await WriteAsync(cluster, static (status, now) => IngressLifecycle.MarkNetworkFailed(status, "Broken", "the edge is on fire", now));
        await Eventually.HoldsAsync(async () => (await IngressReadyAsync(cluster)).Should().Be(("False", "Broken", "the edge is on fire")));
        await Eventually.HoldsAsync(async () => (await ServiceReadyAsync(cluster)).Should().Be("False"));
        await WriteAsync(cluster, MarkReady);
        await cluster.WaitForReadyAsync("default", "hello");

        // A new version is not Ready by the status of the one before.
        await cluster.ApplyAsync(Manifest("Moon"));
        await Eventually.HoldsAsync(
            async () => (await IngressReadyAsync(cluster)).Should().Be(("Unknown", "IngressNotConfigured", Waiting)),
            TimeSpan.FromSeconds(60)
        );
        (await ServiceReadyAsync(cluster)).Should().Be("Unknown");
        await WriteAsync(cluster, MarkReady);
        await cluster.WaitForReadyAsync("default", "hello");
    }

    private static string Waiting => $"Ingress has not yet been reconciled. It waits for the controller of the ingress class \"{Class}\".";

    private static string Manifest(string target) =>
        $$"""
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata:
              name: hello
              namespace: default
              annotations: {networking.knative.dev/ingress-class: {{Class}}}
            spec:
              template:
                spec: {containers: [{image: ghcr.io/serving-samples/helloworld, env: [{name: TARGET, value: {{target}}}]}]}
            """;

    private static IngressStatus MarkReady(IngressStatus status, DateTimeOffset now)
    {
        IngressLoadBalancerAddress address = new() { DomainInternal = "layer.example.svc.cluster.local" };
        return IngressLifecycle.MarkLoadBalancerReady(IngressLifecycle.MarkNetworkConfigured(status, now), [address], [address], now);
    }

    private static async Task WriteAsync(LocalClusterHarness cluster, Func<IngressStatus, DateTimeOffset, IngressStatus> mark) =>
        await Eventually.HoldsAsync(async () =>
        {
            var ingress = await cluster.Client.GetAsync(Resources.Ingresses, "default", "hello", CancellationToken.None);
            var status = mark(ingress.Status, DateTimeOffset.UtcNow) with { ObservedGeneration = ingress.Metadata.Generation };
            await cluster.Client.UpdateStatusAsync(Resources.Ingresses, ingress with { Status = status }, CancellationToken.None);
        });

    private static async Task<(string Status, string Reason, string Message)> IngressReadyAsync(LocalClusterHarness cluster)
    {
        var route = await cluster.Client.GetAsync(Resources.Routes, "default", "hello", CancellationToken.None);
        var condition = route.Status.Conditions.Single(static condition => condition.Type == IngressConditions.IngressReady);
        return (condition.Status, condition.Reason, condition.Message);
    }

    private static async Task<string> ServiceReadyAsync(LocalClusterHarness cluster)
    {
        var service = await cluster.Client.GetAsync(Resources.KnativeServices, "default", "hello", CancellationToken.None);
        return service.Status.Conditions.Single(static condition => condition.Type == "Ready").Status;
    }
}
