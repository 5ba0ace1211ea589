using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Networking.Gateway;
using Serving.Tests.Support;
using static Serving.Tests.Networking.Gateway.Cluster;

namespace Serving.Tests.Networking.Gateway;

[CancelAfter(60_000)]
public sealed class EndpointChurnTests
{
    [Test]
    public async Task No_request_fails_while_endpoints_come_and_go()
    {
        await using var gateway = await RunningGateway.StartAsync();
        gateway.Cluster.PutService("busy");
        gateway.Cluster.PutIngress("busy", Rule("busy.test", To("busy")));
        var current = await gateway.BackendAsync(AnswerAsync);
        gateway.Cluster.PutEndpoints("busy", current.Endpoints[0]);
        await gateway.RoutedAsync("busy");
        using var done = new CancellationTokenSource();
        var load = Enumerable.Range(0, 8).Select(_ => LoadAsync(gateway.External, "busy.test", done.Token)).ToArray();

        for (var i = 0; i < 20; i++)
        {
            // The worst case of a rollout: the new endpoint is reported, and the old one stops before its removal is reported.
            var next = await gateway.BackendAsync(AnswerAsync);
            gateway.Cluster.PutEndpoints("busy", current.Endpoints[0], next.Endpoints[0]);
            using var drain = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            await current.StopAsync(drain.Token);
            gateway.Cluster.PutEndpoints("busy", next.Endpoints[0]);
            current = next;
            var before = gateway.Module.Statistics.Snapshot().Single().Requests;
            await Eventually.HoldsAsync(() => gateway.Module.Statistics.Snapshot().Single().Requests.Should().BeGreaterThan(before + 8));
        }

        await done.CancelAsync();
        var results = (await Task.WhenAll(load)).SelectMany(codes => codes).CountBy(code => code).ToDictionary();
        results.Should().ContainSingle().Which.Key.Should().Be("200");
        results["200"].Should().BeGreaterThan(100);
    }

    [Test]
    public async Task A_stop_waits_for_requests_in_flight()
    {
        var gateway = await RunningGateway.StartAsync();
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await gateway.RouteAsync(
            "slow.test",
            async context =>
            {
                arrived.SetResult();
                await answer.Task;
                await context.Response.WriteAsync("done");
            }
        );
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{gateway.External}/");
        request.Headers.Host = "slow.test";
        var response = http.SendAsync(request);
        await arrived.Task;

        var stopping = gateway.StopAsync();
        stopping.IsCompleted.Should().BeFalse();
        await Eventually.HoldsAsync(() => gateway.Module.NotReadyReason.Should().NotBeNull());
        answer.SetResult();

        (await (await response).Content.ReadAsStringAsync()).Should().Be("done");
        await stopping;
        await gateway.DisposeAsync();
    }

    [Test]
    public async Task A_request_whose_endpoint_is_the_activator_of_this_process_makes_no_hop()
    {
        var activator = new RecordingActivator();
        await using var gateway = await RunningGateway.StartAsync(activator);
        gateway.Cluster.PutService("cold");
        gateway.Cluster.PutEndpoints("cold", new IPEndPoint(activator.Address, 8012));
        gateway.Cluster.PutIngress("cold", Rule("cold.test", To("cold")));
        await gateway.RoutedAsync("cold");
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{gateway.External}/");
        request.Headers.Host = "cold.test";

        using var response = await http.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be("default/cold cold");
    }

    [Test]
    public async Task Load_goes_to_the_endpoint_with_fewer_requests()
    {
        await using var gateway = await RunningGateway.StartAsync();
        var stuck = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var slowOnes = 0;
        var slow = await gateway.BackendAsync(async context =>
        {
            Interlocked.Increment(ref slowOnes);
            await stuck.Task;
        });
        var quick = await gateway.BackendAsync(AnswerAsync);
        gateway.Cluster.PutService("mixed");
        gateway.Cluster.PutEndpoints("mixed", slow.Endpoints[0], quick.Endpoints[0]);
        gateway.Cluster.PutIngress("mixed", Rule("mixed.test", To("mixed")));
        await gateway.RoutedAsync("mixed");
        using var http = new HttpClient();

        var sent = Enumerable
            .Range(0, 40)
            .Select(async _ =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{gateway.External}/");
                request.Headers.Host = "mixed.test";
                using var response = await http.SendAsync(request);
            })
            .ToArray();
        await Eventually.HoldsAsync(() => sent.Count(task => task.IsCompleted).Should().Be(40 - Volatile.Read(ref slowOnes)));

        slowOnes.Should().BeLessThan(30);
        stuck.SetResult();
        await Task.WhenAll(sent);
    }

    private static Task AnswerAsync(HttpContext context) => context.Response.WriteAsync("ok");

    private static async Task<List<string>> LoadAsync(IPEndPoint to, string host, CancellationToken done)
    {
        using var http = new HttpClient();
        var codes = new List<string>();
        while (!done.IsCancellationRequested)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{to}/");
            request.Headers.Host = host;
            try
            {
                using var response = await http.SendAsync(request, CancellationToken.None);
                codes.Add(((int)response.StatusCode).ToString(System.Globalization.CultureInfo.InvariantCulture));
            }
            catch (HttpRequestException error)
            {
                codes.Add(error.Message);
            }
        }

        return codes;
    }

    private sealed class RecordingActivator : ILocalActivator
    {
        public IPAddress Address { get; } = IPAddress.Parse("127.9.8.7");

        public async ValueTask HandleAsync(HttpContext context, string ns, string revision) =>
            await context.Response.WriteAsync($"{ns}/{revision} {context.Request.Headers["Knative-Serving-Revision"]}");
    }
}
