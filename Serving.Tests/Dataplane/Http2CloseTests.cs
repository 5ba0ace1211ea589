using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using FluentAssertions;
using NUnit.Framework;
using Serving.Benchmarks.Soak;
using Serving.Dataplane.Servers;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

/// <summary>
/// The end of an HTTP/2 connection: a socket that is closed while bytes of its client are unread discards what it has not sent yet, so
/// the server waits for the client to close first, within limits.
/// </summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class Http2CloseTests
{
    private const int BodyLength = 60_000;

    /// <summary>A client that ignores GOAWAY is closed after 5 s of silence.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);

    private readonly TaskCompletionSource _answered = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Test]
    public async Task A_slow_client_receives_its_response_whole_although_the_server_stops([Values] bool isSecure)
    {
        await using var server = await StartAsync(isSecure);
        using var socket = Slow(server);
        await using var stream = await OpenAsync(socket, isSecure);
        await stream.WriteAsync(Request);

        // The response is in the buffers of both sides, and the client has read none of it.
        await _answered.Task;
        var stopping = server.StopAsync(default);
        await Task.WhenAny(stopping, Task.Delay(TimeSpan.FromMilliseconds(300)));
        await stream.WriteAsync(RawHttp2.Frame(6, 0, 0, new byte[8]));

        (await BodyAsync(stream)).Should().Be(BodyLength);
        stopping.IsCompleted.Should().BeFalse("the client has not closed yet");
        socket.Shutdown(SocketShutdown.Send);
        await stopping.WaitAsync(Silence - TimeSpan.FromSeconds(1));
    }

    [Test]
    public async Task A_client_that_keeps_its_connection_open_is_closed_in_the_end([Values] bool sendsWithoutEnd)
    {
        await using var server = await StartAsync(isSecure: false);
        using var socket = Slow(server);
        await using var stream = await OpenAsync(socket, isSecure: false);
        await stream.WriteAsync(Request);
        (await BodyAsync(stream)).Should().Be(BodyLength);
        var stopping = server.StopAsync(default);

        // The limit of what is discarded ends it long before 30 s of pings would.
        var pings = Enumerable.Range(0, 1000).SelectMany(static _ => RawHttp2.Frame(6, 1, 0, new byte[8])).ToArray();
        while (sendsWithoutEnd && !stopping.IsCompleted)
        {
            try
            {
                await stream.WriteAsync(pings);
            }
            catch (IOException)
            {
                break;
            }
        }

        await stopping.WaitAsync(Silence + TimeSpan.FromSeconds(15));
    }

    private static byte[] Request =>
        RawHttp2.Frame(
            1,
            RawHttp2.EndStream | RawHttp2.EndHeaders,
            1,
            RawHttp2.Literals((":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/"))
        );

    private async Task<DataplaneServer> StartAsync(bool isSecure)
    {
        using var authority = new TestAuthority();
        var certificate = authority.Serve("a.test");
        var server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0) { Certificates = isSecure ? _ => certificate : null }] },
            async context =>
            {
                context.Response.ContentLength = BodyLength;
                await context.Response.Body.WriteAsync(new byte[BodyLength]);
                _answered.SetResult();
            }
        );
        await server.StartAsync(default);
        return server;
    }

    private static Socket Slow(DataplaneServer server)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveBufferSize = 4096 };
        socket.Connect(server.Endpoints[0]);
        return socket;
    }

    private static async Task<Stream> OpenAsync(Socket socket, bool isSecure)
    {
        Stream stream = new NetworkStream(socket);
        if (isSecure)
        {
            var ssl = new SslStream(stream);
#pragma warning disable CA5359 // A certificate created for this test.
            await ssl.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = "a.test",
                    ApplicationProtocols = [SslApplicationProtocol.Http2],
                    RemoteCertificateValidationCallback = static (_, _, _, _) => true,
                }
            );
#pragma warning restore CA5359
            stream = ssl;
        }

        await stream.WriteAsync((byte[])[.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. RawHttp2.Frame(4, 0, 0, [])]);
        return stream;
    }

    /// <summary>Reads until the end of the response; the length of its body.</summary>
    private static async Task<int> BodyAsync(Stream stream)
    {
        var header = new byte[9];
        var length = 0;
        while (true)
        {
            await stream.ReadExactlyAsync(header);
            var payload = new byte[BinaryPrimitives.ReadInt32BigEndian(header) >>> 8];
            await stream.ReadExactlyAsync(payload);
            if (header[3] == 0)
                length += payload.Length;
            if (header[3] is 0 or 1 && (header[4] & RawHttp2.EndStream) != 0)
                return length;
        }
    }
}
