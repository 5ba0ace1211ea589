using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Dataplane.Servers;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

public sealed class FailingHandlerTests
{
    [Test]
    public async Task A_handler_that_fails_is_one_line_of_the_log()
    {
        using var logs = new RecordingLogs();
        await using var server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0)], LoggerFactory = logs },
            _ => throw new InvalidOperationException("a fault of this test")
        );
        await server.StartAsync(CancellationToken.None);
        using var client = new HttpClient();

        (await client.GetAsync($"http://{server.Endpoints[0]}/path")).StatusCode.Should().Be(HttpStatusCode.InternalServerError);

        await Eventually.HoldsAsync(() => logs.Text.Should().Contain("GET /path failed."));
        logs.Text.Split('\n').Where(line => line.StartsWith("Error ", StringComparison.Ordinal)).Should().ContainSingle();
    }
}
