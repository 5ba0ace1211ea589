using System.Net.Sockets;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>The log after normal operation: Services created and deleted, pods deleted, clients disconnected.</summary>
[Category("Slow")]
public sealed class LogTests() : LocalClusterFixture("this reads the log of the local cluster's process")
{
    private const int Services = 8;

    [Test]
    public async Task The_normal_order_of_events_and_clients_that_leave_are_no_errors_and_next_to_no_warnings()
    {
        await using (var cluster = await LocalClusterHarness.StartAsync(Data))
        {
            await cluster.ApplyAsync(
                string.Join(
                    "\n---\n",
                    Enumerable
                        .Range(0, Services)
                        .Select(number =>
                            """
                                apiVersion: serving.knative.dev/v1
                                kind: Service
                                metadata: {name: web-NUMBER, namespace: default}
                                spec: {template: {spec: {containers: [{image: ghcr.io/serving-samples/autoscale}]}}}
                                """.Replace("NUMBER", $"{number}", StringComparison.Ordinal)
                        )
                )
            );
            for (var number = 0; number < Services; number++)
                await cluster.WaitForReadyAsync("default", $"web-{number}", TimeSpan.FromMinutes(3));

            for (var number = 0; number < 20; number++)
                await LeaveAsync(cluster.GatewayPort, $"web-{number % Services}.default.localhost");
            foreach (var pod in (await cluster.Client.ListAsync(Resources.Pods, "default", null, CancellationToken.None)).Items)
            {
                await cluster.Client.DeleteAsync(Resources.Pods, "default", pod.Metadata.Name, CancellationToken.None);
            }

            for (var number = 0; number < Services; number++)
                await cluster.Client.DeleteAsync(Resources.KnativeServices, "default", $"web-{number}", CancellationToken.None);
            await Eventually.HoldsAsync(
                async () =>
                    (await cluster.Client.ListAsync(Resources.Revisions, "default", null, CancellationToken.None)).Items.Should().BeEmpty(),
                TimeSpan.FromMinutes(2)
            );
            await cluster.Host.TerminateAsync();
            (await cluster.Host.WaitForExitAsync(TimeSpan.FromMinutes(1))).Should().Be(0, cluster.Host.Output);
        }

        var lines = await File.ReadAllLinesAsync(Path.Combine(Data, "serving.log"));
        var byLevel = lines.Where(static line => line.Length > 19).ToLookup(static line => line[13..18].Trim());
        TestContext.Out.WriteLine(string.Join('\n', byLevel["WARN"]));
        byLevel["ERROR"].Should().BeEmpty();

        // On a busy machine a probe or a renewal may be late; but there must be no line per Service or per client.
        byLevel["WARN"].Should().HaveCountLessThan(Services, "{0}", string.Join('\n', byLevel["WARN"]));
    }

    /// <summary>Sends a slow request, and disconnects before the response.</summary>
    private static async Task LeaveAsync(int gateway, string host)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", gateway);
        await client.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes($"GET /?sleep=2000 HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        client.LingerState = new LingerOption(true, 0);
    }
}
