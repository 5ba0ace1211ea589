using System.Net;
using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using NUnit.Framework;
using Serving.Networking.Layers.Probing;

namespace Serving.Tests.Networking.Layers;

/// <summary>Probes of data planes that expect the PROXY protocol before the request.</summary>
public sealed class ProbeProxyProtocolTests
{
    private const string Signature = "0D0A0D0A000D0A515549540A";

    [TestCase(true)]
    [TestCase(false)]
    public async Task A_probe_sends_it_before_the_request_where_the_data_plane_expects_it(bool expected)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var target = new ProbeTarget((IPEndPoint)listener.LocalEndpoint, IsTls: false, "hello.example.com", 80)
        {
            Path = "/.well-known/knative/revision/default/one",
            SpeaksProxyProtocol = expected,
        };
        var probing = new HttpIngressProbe(TimeProvider.System).SendAsync(target, "hash", CancellationToken.None);

        using var connection = await listener.AcceptTcpClientAsync();
        var stream = connection.GetStream();
        var received = new StringBuilder();
        var buffer = new byte[4096];
        while (!received.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal) || received.Length < 40)
        {
            received.Append(Encoding.Latin1.GetString(buffer, 0, await stream.ReadAsync(buffer)));
        }

        await stream.WriteAsync(Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nK-Network-Hash: hash\r\nContent-Length: 0\r\n\r\n"));
        (await probing).Should().Be(new ProbeResult(true));
        Convert
            .ToHexString(Encoding.Latin1.GetBytes(received.ToString()))
            .StartsWith(Signature, StringComparison.Ordinal)
            .Should()
            .Be(expected);
        received
            .ToString()[(expected ? 28 : 0)..]
            .Should()
            .StartWith("GET /.well-known/knative/revision/default/one HTTP/1.1\r\nHost: hello.example.com\r\n");
    }
}
