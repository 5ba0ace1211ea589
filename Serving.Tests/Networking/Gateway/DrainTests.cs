using System.Net;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;

namespace Serving.Tests.Networking.Gateway;

/// <summary>A gateway whose process is about to stop.</summary>
public sealed class DrainTests
{
    [Test]
    public async Task Serves_on_and_asks_its_clients_to_go_elsewhere()
    {
        await using var gateway = await RunningGateway.StartAsync();
        await gateway.RouteAsync("hello.example.com", context => context.Response.WriteAsync("hello"));
        using var client = new HttpClient { BaseAddress = new Uri($"http://{gateway.External}") };
        (await CallAsync(client)).Should().Be((HttpStatusCode.OK, "hello", false));

        gateway.Module.BeginDrain();

        (await CallAsync(client)).Should().Be((HttpStatusCode.OK, "hello", true));
        (await CallAsync(client)).Should().Be((HttpStatusCode.OK, "hello", true), "who comes anew is served too");
    }

    private static async Task<(HttpStatusCode Status, string Body, bool Close)> CallAsync(HttpClient client)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = "hello.example.com" } };
        using var response = await client.SendAsync(request);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(), response.Headers.ConnectionClose == true);
    }
}
