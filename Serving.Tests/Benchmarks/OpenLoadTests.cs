using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Benchmarks.Load;
using Serving.Dataplane.Servers;

namespace Serving.Tests.Benchmarks;

[TestFixture]
[CancelAfter(60_000)]
public sealed class OpenLoadTests
{
    [Test]
    public void Requests_are_due_evenly_in_each_step_one_step_after_the_other() =>
        LoadStep
            .DueSeconds([new LoadStep(4, TimeSpan.FromSeconds(1)), new LoadStep(2, TimeSpan.FromSeconds(1))])
            .Should()
            .Equal(0, 0.25, 0.5, 0.75, 1, 1.5);

    [Test]
    public async Task Requests_go_out_while_the_server_stalls_and_their_wait_counts()
    {
        var arrived = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await ServerAsync(async _ =>
        {
            // No request is answered before all have arrived: a client that waited for responses would never send the last one.
            if (Interlocked.Increment(ref arrived) == 20)
                all.TrySetResult();
            await all.Task;
        });
        using var load = new OpenLoad(AddressOf(server), null);

        var result = await load.RunAsync(new LoadStep(100, TimeSpan.FromSeconds(0.2)));

        result.Requests.Should().HaveCount(20);
        result.Failed.Should().Be(0, string.Join('\n', result.Failures));
        result.Requests[0].LatencyMilliseconds.Should().BeGreaterThanOrEqualTo(190, "the last one is due 190 ms after the first");
        result.Requests.Should().OnlyContain(static one => one.LatencyMilliseconds >= one.LateMilliseconds && one.LateMilliseconds >= 0);
    }

    [Test]
    public async Task Failures_are_counted_and_reported()
    {
        await using var server = await ServerAsync(static context =>
        {
            context.Response.StatusCode = context.Request.Headers.ContainsKey("Fail") ? 503 : 200;
            return Task.CompletedTask;
        });
        using var load = new OpenLoad(AddressOf(server), "a.example") { Headers = [("Fail", "yes")] };

        var result = await load.RunAsync(new LoadStep(100, TimeSpan.FromSeconds(0.2)));

        result.Failed.Should().Be(20);
        result.Failures.Should().HaveCount(10).And.OnlyContain(static failure => failure.StartsWith("503"));
    }

    [Test]
    public async Task A_load_that_is_cancelled_returns_what_it_sent()
    {
        using var ended = new CancellationTokenSource();
        await using var server = await ServerAsync(_ => ended.CancelAsync());
        using var load = new OpenLoad(AddressOf(server), null);

        var result = await load.RunAsync([new LoadStep(100, TimeSpan.FromMinutes(10))], ended.Token);

        result.Requests.Should().HaveCountGreaterThan(0).And.HaveCountLessThan(6_000);
        result.Failed.Should().Be(0);
    }

    private static async Task<DataplaneServer> ServerAsync(Func<Microsoft.AspNetCore.Http.HttpContext, Task> handler)
    {
        var server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new DataplaneEndpoint(IPAddress.Loopback, 0)] },
            context => handler(context)
        );
        await server.StartAsync(CancellationToken.None);
        return server;
    }

    private static Uri AddressOf(DataplaneServer server) => new($"http://{server.Endpoints[0]}/");
}
