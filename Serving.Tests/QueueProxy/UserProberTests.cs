using System.Net;
using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.QueueProxy.Readiness;

namespace Serving.Tests.QueueProxy;

public sealed class UserProberTests
{
    [Test]
    [CancelAfter(30_000)]
    public async Task A_program_that_hangs_on_HTTP2_has_all_of_its_time_for_HTTP1(CancellationToken cancellation)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var serving = ServeHttp1OnlyAsync(listener, stop.Token);
        var probe = new ReadinessProbe
        {
            Kind = ProbeKind.Http,
            Port = ((IPEndPoint)listener.LocalEndpoint).Port,
            Path = "/",
            Timeout = TimeSpan.FromSeconds(1),
        };
        var prober = new UserProber([probe], detectHttp2: true, TimeProvider.System, NullLogger.Instance);

        (await prober.ProbeAsync(byKubelet: false)).Should().BeTrue();

        await stop.CancelAsync();
        await serving;
    }

    /// <summary>Responds to HTTP/1.1 and ignores everything else, like programs that wait for a request line.</summary>
    private static async Task ServeHttp1OnlyAsync(TcpListener listener, CancellationToken cancellation)
    {
        var open = new List<TcpClient>();
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync(cancellation);
                open.Add(client);
                var buffer = new byte[4096];
                var count = await client.GetStream().ReadAsync(buffer, cancellation);
                if (!Encoding.ASCII.GetString(buffer, 0, count).StartsWith("GET ", StringComparison.Ordinal))
                    continue;
                await client
                    .GetStream()
                    .WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray(), cancellation);
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
        finally
        {
            open.ForEach(static client => client.Dispose());
        }
    }
}
