using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Client;

public sealed class ClientMetricsTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Test]
    public async Task Requests_are_counted_by_verb_kind_and_status_code_and_so_are_throttles_and_retries()
    {
        await using var server = await FakeApiServer.StartAsync();
        using var client = server.Client();
        server.Handler = (context, number) =>
            number == 1
                ? FakeApiServer.Fail(context, 429, "TooManyRequests")
                : FakeApiServer.Json(context, """{"metadata":{"name":"x","namespace":"a","resourceVersion":"1"}}""");
        using var collected = new CollectedMetrics(ClientMetrics.MeterName);

        var read = await client.GetAsync(Resources.Revisions, "a", "x", None);
        await client.UpdateStatusAsync(Resources.Revisions, read, None);

        const string Kind = "revisions.serving.knative.dev";
        var series = collected.Collect();
        series
            .Keys.Should()
            .Contain([
                $"serving.k8s.client.request.duration{{verb=get,resource={Kind},http.response.status_code=429}}",
                $"serving.k8s.client.request.duration{{verb=get,resource={Kind},http.response.status_code=200}}",
                $"serving.k8s.client.request.duration{{verb=update,resource={Kind}/status,http.response.status_code=200}}",
            ]);
        series
            .Should()
            .Contain($"serving.k8s.client.throttled{{verb=get,resource={Kind}}}", 1)
            .And.Contain($"serving.k8s.client.retries{{verb=get,resource={Kind}}}", 1)
            .And.Contain(
                "kn.k8s.client.http.response.status_code{server.address=127.0.0.1,http.request.method=GET,http.response.status_code=200}",
                1
            );
    }

    [Test]
    public async Task Without_a_response_there_is_no_status_code_but_a_kind_of_error()
    {
        var server = await FakeApiServer.StartAsync();
        using var client = server.Client();
        await server.DisposeAsync();
        using var collected = new CollectedMetrics(ClientMetrics.MeterName);

        await FluentActions
            .Awaiting(() => client.ListAsync(Resources.Pods, null, new ListOptions(), None))
            .Should()
            .ThrowAsync<KubernetesException>();
        await FluentActions.Awaiting(() => client.GetRawAsync("/version", None)).Should().ThrowAsync<KubernetesException>();

        collected
            .Collect()
            .Keys.Should()
            .Contain("serving.k8s.client.request.duration{verb=list,resource=pods,error.type=unreachable}")
            .And.Contain("serving.k8s.client.request.duration{verb=get,resource=_OTHER,error.type=unreachable}");
    }
}
