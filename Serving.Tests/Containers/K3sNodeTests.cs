using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Cluster.K3s;

namespace Serving.Tests.Containers;

/// <summary>The start of the K3s cluster, as far as it goes without K3s.</summary>
[Category("Slow")]
public sealed class K3sNodeTests
{
    [Test]
    public async Task An_image_of_K3s_that_cannot_be_pulled_is_named_with_what_to_do()
    {
        // Reserved: never resolves.
        var start = () => K3sCluster.StartNodeAsync("registry.invalid/k3s:v0");

        (await start.Should().ThrowAsync<InvalidOperationException>()).WithMessage(
            "SERVING_TEST_CLUSTER=k3s: the engine cannot run registry.invalid/k3s:v0 (*): pull it, or name an image*SERVING_TEST_K3S_IMAGE."
        );
    }
}
