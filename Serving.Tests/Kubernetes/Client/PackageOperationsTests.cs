using FluentAssertions;
using k8s;
using NUnit.Framework;
using KubernetesException = Serving.Kubernetes.Client.KubernetesException;

namespace Serving.Tests.Kubernetes.Client;

public sealed class PackageOperationsTests
{
    [Test]
    public async Task They_pass_the_bounds_of_the_client()
    {
        await using var server = await FakeApiServer.StartAsync();
        using var client = server.Client();
        server.Handler = (context, number) =>
            number < 3
                ? FakeApiServer.Fail(context, 429, "TooManyRequests")
                : FakeApiServer.Json(context, """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}""");
        (await client.Operations.CoreV1.ReadNamespacedConfigMapAsync("x", "a", cancellationToken: CancellationToken.None))
            .Metadata.Name.Should()
            .Be("x");
        server.Requests.Should().HaveCount(3);

        server.Handler = (context, _) => FakeApiServer.Fail(context, 404, "NotFound");
        var get = () => client.Operations.CoreV1.ReadNamespacedConfigMapAsync("x", "a", cancellationToken: CancellationToken.None);
        (await get.Should().ThrowAsync<KubernetesException>()).Which.Message.Should().StartWith("GET /api/v1/namespaces/a/configmaps/x: ");
    }
}
