using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Controller.ImagePulls;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>Images of revisions are pulled on the node of a real local cluster.</summary>
[Category("Slow")]
[Parallelizable]
public sealed class ImagePullTests() : LocalClusterFixture("this changes a setting of the whole cluster")
{
    private const string Manifest = """
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: NAME, namespace: default}
        spec:
          template:
            spec: {containers: [{image: "IMAGE"}]}
        """;

    [Test]
    public async Task Images_of_revisions_are_pulled_and_no_pod_is_left_of_it()
    {
        await using var cluster = await LocalClusterHarness.StartAsync(Data);
        await cluster.ConfigureAsync("config-reserve", ("prepull", "true"));
        foreach (var (name, image) in new[] { ("known", cluster.HelloImage), ("unknown", "registry.example.com/nobody:v1") })
            await cluster.ApplyAsync(
                Manifest.Replace("NAME", name, StringComparison.Ordinal).Replace("IMAGE", image, StringComparison.Ordinal)
            );

        await EventuallyAsync(async () =>
        {
            var images = await cluster.Client.ListAsync(Resources.Images, "default", null, CancellationToken.None);
            images
                .Items.Select(image => (image.Metadata.Name, image.Status?.Conditions.SingleOrDefault()?.Reason))
                .Should()
                .BeEquivalentTo([("known-00001-cache-user-container", "Pulled"), ("unknown-00001-cache-user-container", "PullFailed")]);
            var pods = await cluster.Client.ListAsync(Resources.Pods, "default", new ListOptions(PullPod.Label), CancellationToken.None);
            pods.Items.Should().BeEmpty();
        });
    }

    private static Task EventuallyAsync(Func<Task> assertion) => Eventually.HoldsAsync(assertion, TimeSpan.FromSeconds(120));
}
