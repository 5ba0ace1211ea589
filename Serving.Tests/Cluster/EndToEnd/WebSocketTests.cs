using System.Net.WebSockets;
using System.Text;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>WebSockets through gateway, activator and sidecar.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class WebSocketTests : EndToEndTests
{
    private const string Message = "Hello, websocket";

    [Test]
    public async Task Messages_go_both_ways()
    {
        await StartAsync(new("echo"));

        (await EchoAsync(HostOf("echo"))).Should().Be(Message);
    }

    [Test]
    public async Task Messages_go_both_ways_behind_activators()
    {
        await StartAsync(new("echo") { Scaling = [("target-burst-capacity", "-1")] });
        await ActivatorsInPathAsync("echo-00001");

        (await EchoAsync(HostOf("echo"))).Should().Be(Message);
    }

    [Test]
    public async Task Messages_go_both_ways_at_a_domain_of_its_own()
    {
        await StartAsync(new("echo"));
        var domain = $"echo-{Namespace}.example.org";
        await Cluster.ApplyAsync(
            $$"""
            apiVersion: serving.knative.dev/v1beta1
            kind: DomainMapping
            metadata: {name: {{domain}}, namespace: {{Namespace}} }
            spec: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: echo} }
            """
        );
        await EventuallyAsync(async () =>
            ConditionOf((await GetAsync(Resources.DomainMappings, domain)).Status, "Ready")
                .Should()
                .Match<Condition>(ready => ready.Status == "True")
        );

        (await EchoAsync(domain)).Should().Be(Message);
        await Cluster.Client.DeleteAsync(Resources.DomainMappings, Namespace, domain, CancellationToken.None);
    }

    [Test]
    public async Task A_program_that_is_told_to_stop_says_goodbye()
    {
        await StartAsync(new("leaving"));
        using var socket = await ConnectAsync(HostOf("leaving"));
        (await ExchangeAsync(socket)).Should().Be(Message);

        await Cluster.Client.DeleteAsync(Resources.KnativeServices, Namespace, "leaving", CancellationToken.None);

        using var limit = new CancellationTokenSource(Limit);
        var received = await socket.ReceiveAsync(new byte[1024], limit.Token);
        (received.MessageType, received.CloseStatus, received.CloseStatusDescription)
            .Should()
            .Be((WebSocketMessageType.Close, (WebSocketCloseStatus?)WebSocketCloseStatus.NormalClosure, "bye"));
    }

    [Test]
    public async Task Connections_are_split_between_Revisions()
    {
        const int connections = 100;
        var manifest = new ServiceManifest("split") { Environment = [("SUFFIX", " Blue")] };
        await StartAsync(manifest);
        await UpdateAsync(
            manifest with
            {
                Environment = [("SUFFIX", " Green")],
                Traffic = "{tag: blue, revisionName: split-00001, percent: 50}, {tag: green, latestRevision: true, percent: 50}",
            }
        );
        (await EchoAsync(HostOf("green-split"))).Should().Be($"{Message} Green");

        var answers = await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => EchoAsync(HostOf("split"))));

        // The probability that a 50/50 split of 100 is outside 25..75 is below one in a million.
        answers.Should().OnlyContain(answer => answer == $"{Message} Blue" || answer == $"{Message} Green");
        answers.Count(answer => answer == $"{Message} Blue").Should().BeInRange(connections / 4, connections * 3 / 4);
    }

    [TestCase("in-time", "timeoutSeconds: 20", 500, true)]
    [TestCase("too-late", "timeoutSeconds: 2", 30000, false)]
    [TestCase("starts-in-time", "responseStartTimeoutSeconds: 10", 500, true)]
    [TestCase("starts-too-late", "responseStartTimeoutSeconds: 2", 30000, false)]
    [TestCase("hardly-idle", "idleTimeoutSeconds: 10", 500, true)]
    [TestCase("idle-too-long", "idleTimeoutSeconds: 2", 30000, false)]
    public async Task A_connection_has_the_time_that_its_Revision_gives_it(string name, string limits, int delay, bool isAnswered)
    {
        await StartAsync(new(name) { Spec = limits });

        var exchange = () => EchoAsync(HostOf(name), $"/?delay={delay}");

        if (isAnswered)
        {
            (await exchange()).Should().Be(Message);
        }
        else
        {
            await exchange.Should().ThrowAsync<WebSocketException>();
        }
    }

    private async Task<string> EchoAsync(string host, string path = "/")
    {
        using var socket = await ConnectAsync(host, path);
        return await ExchangeAsync(socket);
    }

    private async Task<ClientWebSocket> ConnectAsync(string host, string path = "/")
    {
        var socket = new ClientWebSocket();
        using var client = new HttpMessageInvoker(Cluster.HandlerOfGateway());
        using var limit = new CancellationTokenSource(Limit);
        await socket.ConnectAsync(new Uri($"ws://{host}{path}"), client, limit.Token);
        return socket;
    }

    private static async Task<string> ExchangeAsync(ClientWebSocket socket)
    {
        using var limit = new CancellationTokenSource(Limit);
        await socket.SendAsync(Encoding.UTF8.GetBytes(Message), WebSocketMessageType.Text, endOfMessage: true, limit.Token);
        var buffer = new byte[1024];
        var received = await socket.ReceiveAsync(buffer, limit.Token);

        // A close frame is not a message.
        return received.MessageType == WebSocketMessageType.Text
            ? Encoding.UTF8.GetString(buffer, 0, received.Count)
            : throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely, $"closed with {received.CloseStatus}");
    }
}
