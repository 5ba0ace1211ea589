using System.Net;
using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api.WellKnown;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>Calls between programs of the cluster, and to external hosts.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class ServiceToServiceTests : EndToEndTests
{
    private const string ClusterLocal = $"{NetworkingKeys.Visibility}: {NetworkingKeys.ClusterLocal}";
    private static readonly (string, string)[] Hello = [("TEXT", "Hello from inside!")];

    [Test]
    public async Task A_private_Service_is_called_by_each_form_of_its_name_and_not_from_outside()
    {
        var service = await StartAsync(new("callee") { Labels = ClusterLocal, Environment = Hello });
        service.Status.Address!.Url.Should().Be(service.Status.Url).And.Be($"http://callee.{Namespace}.svc.cluster.local");
        await StartCallerAsync();

        await ReachesInEveryFormAsync(new Uri(service.Status.Url).Host);

        (await Cluster.GetAsync(new Uri(service.Status.Url).Host)).Status.Should().Be(HttpStatusCode.NotFound);
    }

    [Test]
    public async Task A_private_Service_behind_activators_is_called_as_well()
    {
        var service = await StartAsync(
            new("callee")
            {
                Labels = ClusterLocal,
                Environment = Hello,
                Scaling = [("target-burst-capacity", "-1")],
            }
        );
        await ActivatorsInPathAsync("callee-00001");
        await StartCallerAsync();

        await ReachesAsync(service.Status.Url);

        (await Cluster.GetAsync(new Uri(service.Status.Url).Host)).Status.Should().Be(HttpStatusCode.NotFound);
    }

    [Test]
    public async Task A_public_Service_is_called_from_inside_at_both_its_addresses()
    {
        var service = await StartAsync(new("callee") { Environment = Hello });
        service.Status.Address!.Url.Should().NotBe(service.Status.Url);
        await StartCallerAsync();
        await ReachesAsync(service.Status.Address.Url);
        (await Cluster.GetAsync(new Uri(service.Status.Address.Url).Host))
            .Status.Should()
            .Be(HttpStatusCode.NotFound, "that address is of the inside");

        // The external name always resolves to the gateway's external listener.
        var gateway = Cluster.Gateway.BaseAddress!;
        await StartAsync(
            new("outgoing") { Environment = [("NEXT_ADDRESS", $"{(await Dns.GetHostAddressesAsync(gateway.Host))[0]}:{gateway.Port}")] }
        );
        (await CallAsync("outgoing", $"/next?url={Uri.EscapeDataString(service.Status.Url)}"))
            .Should()
            .Be((HttpStatusCode.OK, "Hello from inside!"));
        (await CallAsync("callee")).Status.Should().Be(HttpStatusCode.OK);
    }

    [Test]
    public async Task A_tag_of_a_private_Service_is_called_by_each_form_of_its_name()
    {
        var service = await StartAsync(
            new("callee")
            {
                Labels = ClusterLocal,
                Environment = Hello,
                Traffic = "{tag: current, latestRevision: true, percent: 100}",
            }
        );
        await StartCallerAsync();

        await ReachesInEveryFormAsync("current-" + new Uri(service.Status.Address!.Url).Host);
    }

    [Test]
    public async Task A_program_reaches_what_is_outside_the_cluster()
    {
        TestCluster.NeedsLocalCluster("what is outside is a server of this process");
        using var outside = new TcpListener(IPAddress.Loopback, 0);
        outside.Start();
        var answering = Task.Run(async () =>
        {
            using var connection = await outside.AcceptTcpClientAsync();
            await using var stream = connection.GetStream();
            await stream.ReadAtLeastAsync(new byte[4096], 1);
            await stream.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\noutside!"));
        });
        await StartAsync(new("leaving"));

        (await CallAsync("leaving", $"/next?url={Uri.EscapeDataString($"http://{outside.LocalEndpoint}/")}"))
            .Should()
            .Be((HttpStatusCode.OK, "outside!"));
        await answering;
    }

    /// <summary>A program that calls others of the cluster.</summary>
    private async Task StartCallerAsync() =>
        await StartAsync(
            new("caller") { Environment = await Cluster.InternalGatewayAsync() is { } gateway ? [("NEXT_ADDRESS", gateway)] : [] }
        );

    private async Task ReachesInEveryFormAsync(string host)
    {
        foreach (var rest in (string[])["", ".cluster.local", ".svc.cluster.local"])
        {
            host.Should().EndWith(rest);
            await ReachesAsync($"http://{host[..^rest.Length]}");
        }
    }

    private Task ReachesAsync(string url) =>
        EventuallyAsync(async () =>
            (await CallAsync("caller", $"/next?url={Uri.EscapeDataString(url)}"))
                .Should()
                .Be((HttpStatusCode.OK, "Hello from inside!"), url)
        );
}
