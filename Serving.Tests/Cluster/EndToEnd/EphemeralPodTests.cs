using System.Net;
using System.Net.WebSockets;
using System.Text;
using FluentAssertions;
using NUnit.Framework;
using Serving.Kubernetes.Access;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>Pods that serve a fixed number of requests, through gateway, activator and sidecar.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class EphemeralPodTests : EndToEndTests
{
    [Test]
    public async Task Every_request_gets_a_pod_of_its_own()
    {
        await StartAsync(Manifest("single", 1, ("max-scale", "5")));

        var answers = await Task.WhenAll(Enumerable.Range(0, 25).Select(_ => CallAsync("single", "/host?before=100")));

        answers.Should().OnlyContain(answer => answer.Status == HttpStatusCode.OK);
        answers.Select(answer => answer.Body).Should().OnlyHaveUniqueItems();
    }

    [Test]
    public async Task No_request_fails_while_pods_are_replaced_and_none_serves_more_than_its_number()
    {
        const int most = 4;
        await StartAsync(Manifest("several", most, ("min-scale", "2"), ("max-scale", "4")) with { Spec = "containerConcurrency: 2" });
        var answers = new List<(HttpStatusCode Status, string Body)>();
        await Task.WhenAll(
            Enumerable
                .Range(0, 6)
                .Select(async _ =>
                {
                    for (var i = 0; i < 8; i++)
                    {
                        var answer = await CallAsync("several", "/host?before=50");
                        lock (answers)
                            answers.Add(answer);
                    }
                })
        );

        answers.Should().OnlyContain(answer => answer.Status == HttpStatusCode.OK);
        (await Cluster.ReadyOfAsync(Namespace, "several"))!.Status.Should().Be("True");
        answers.CountBy(answer => answer.Body).Should().OnlyContain(pod => pod.Value <= most);
        await EventuallyAsync(async () => (await ReadyPodsAsync("several-00001")).Should().Be(2, "pods are replaced without a request"));
    }

    [Test]
    public async Task A_pod_stays_until_its_WebSocket_is_closed_and_another_is_ready_meanwhile()
    {
        await StartAsync(Manifest("session", 1, ("min-scale", "1")));
        var pod = (await PodsAsync("session-00001")).Should().ContainSingle().Subject.Metadata.Name;
        using var socket = new ClientWebSocket();
        using var client = new HttpMessageInvoker(Cluster.HandlerOfGateway());
        using var limit = new CancellationTokenSource(Limit);
        await socket.ConnectAsync(new Uri($"ws://{HostOf("session")}/"), client, limit.Token);

        await EventuallyAsync(async () => (await PodsAsync("session-00001")).Count.Should().BeGreaterThan(1));
        (await CallAsync("session", "/host")).Body.Should().NotBe(pod);
        (await EchoAsync()).Should().Be("still here");
        (await PodsAsync("session-00001")).Should().Contain(one => one.Metadata.Name == pod);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "", limit.Token);
        await EventuallyAsync(async () => (await PodsAsync("session-00001")).Should().NotContain(one => one.Metadata.Name == pod));

        async Task<string> EchoAsync()
        {
            await socket.SendAsync("still here"u8.ToArray(), WebSocketMessageType.Text, endOfMessage: true, limit.Token);
            var buffer = new byte[100];
            var received = await socket.ReceiveAsync(buffer, limit.Token);
            return Encoding.UTF8.GetString(buffer, 0, received.Count);
        }
    }

    [Test]
    public async Task A_number_that_is_none_is_rejected() =>
        (
            await FluentActions
                .Awaiting(() => ApplyAsync(new ServiceManifest("refused") { RevisionAnnotations = Annotation(0) }))
                .Should()
                .ThrowAsync<KubernetesConfigurationException>()
        )
            .Which.Message.Should()
            .Contain("autoscaling.serving.dev/max-requests-per-pod");

    private static ServiceManifest Manifest(string name, int most, params (string, string)[] scaling) =>
        new(name)
        {
            Scaling = [("window", "10s"), .. scaling],
            RevisionAnnotations = Annotation(most),
            Spec = "containerConcurrency: 1",
        };

    private static string Annotation(int most) => $"autoscaling.serving.dev/max-requests-per-pod: \"{most}\"";
}
