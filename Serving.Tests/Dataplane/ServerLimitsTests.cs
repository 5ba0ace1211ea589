using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Dataplane.Servers;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

/// <summary>Each limit of a server changes while it serves, and nothing in flight is dropped. A new release of Kestrel that reads one only
/// at its start fails here.</summary>
[CancelAfter(60_000)]
[Category("Slow")]
[Parallelizable(ParallelScope.All)]
public sealed class ServerLimitsTests
{
    private const string Get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(40);

    [Test]
    public async Task The_size_of_a_head_changes_for_new_connections_and_soon_for_open_ones()
    {
        await using var server = await StartAsync(new ServerLimits());
        using var client = await RawClient.ConnectAsync(server);
        var large = $"GET / HTTP/1.1\r\nHost: a\r\nX-Large: {new string('a', 100_000)}\r\n\r\n";
        (await client.AskAsync(large)).Should().StartWith("HTTP/1.1 200");

        server.Limits = server.Limits with { MaxHeaderBytes = 64 * 1024 };
        (await client.AskAsync(Get)).Should().StartWith("HTTP/1.1 200");
        (await client.AskAsync(large)).Should().StartWith("HTTP/1.1 431");
        using var other = await RawClient.ConnectAsync(server);
        (await other.AskAsync(large)).Should().StartWith("HTTP/1.1 431");

        server.Limits = server.Limits with { MaxHeaderBytes = 256 * 1024 };
        using var another = await RawClient.ConnectAsync(server);
        (await another.AskAsync(large)).Should().StartWith("HTTP/1.1 200");
    }

    [Test]
    public async Task The_limits_of_HTTP_2_change_for_new_connections()
    {
        await using var server = await StartAsync(new ServerLimits());
        (await SettingsAsync(server)).Should().Contain(new KeyValuePair<int, uint>(3, 250)).And.Contain(6, 1024 * 1024);

        server.Limits = server.Limits with { MaxStreamsPerConnection = 7, MaxHeaderBytes = 16 * 1024 };

        (await SettingsAsync(server)).Should().Contain(new KeyValuePair<int, uint>(3, 7)).And.Contain(6, 16 * 1024);
    }

    [TestCase("GET / HTTP/1.1\r\nHost: a\r\n")]
    [TestCase("")]
    [TestCase("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    public async Task The_time_for_a_head_changes_for_new_connections(string sent)
    {
        await using var server = await StartAsync(new ServerLimits { HeadersTimeout = TimeSpan.FromMinutes(10) });
        server.Limits = server.Limits with { HeadersTimeout = TimeSpan.FromSeconds(1) };
        using var client = await RawClient.ConnectAsync(server);
        if (sent.Length > 0)
            await client.SendAsync(sent);

        await client.ClosedAsync(Limit);
    }

    [Test]
    public async Task The_time_of_an_idle_connection_changes()
    {
        await using var server = await StartAsync(new ServerLimits());
        server.Limits = server.Limits with { KeepAliveTimeout = TimeSpan.FromSeconds(1) };
        using var client = await RawClient.ConnectAsync(server);
        (await client.AskAsync(Get)).Should().StartWith("HTTP/1.1 200");

        await client.ClosedAsync(Limit);
    }

    [Test]
    public async Task The_number_of_connections_changes_and_open_ones_stay()
    {
        await using var server = await StartAsync(new ServerLimits());
        using var first = await RawClient.ConnectAsync(server);
        using var second = await RawClient.ConnectAsync(server);
        (await first.AskAsync(Get)).Should().StartWith("HTTP/1.1 200");
        (await second.AskAsync(Get)).Should().StartWith("HTTP/1.1 200");

        server.Limits = server.Limits with { MaxConnections = 1 };
        await RefusesAnotherAsync(server);
        (await first.AskAsync(Get)).Should().StartWith("HTTP/1.1 200");
        (await second.AskAsync(Get)).Should().StartWith("HTTP/1.1 200");

        server.Limits = server.Limits with { MaxConnections = 3 };
        await ServesAnotherAsync(server);
        server.Limits = server.Limits with { MaxConnections = 2 };
        second.Dispose();
        await ServesAnotherAsync(server);
    }

    [Test]
    public async Task WebSockets_count_as_connections_only_where_they_are_told_to([Values] bool counted)
    {
        await using var server = new DataplaneServer(
            new DataplaneServerOptions
            {
                Endpoints = [new(IPAddress.Loopback, 0)],
                Limits = new ServerLimits { MaxConnections = 1, CountsUpgraded = counted },
            },
            context =>
                context.Request.Headers.Upgrade.Count > 0 ? WebSockets.EchoAsync(context, default) : context.Response.WriteAsync("hello")
        );
        await server.StartAsync(default);
        using var socket = await WebSockets.ConnectAsync(new Uri($"ws://{server.Endpoints[0]}/"));
        (await socket.AskAsync("open")).Should().Be("open");

        if (counted)
            await RefusesAnotherAsync(server);
        else
            await ServesAnotherAsync(server);
    }

    [TestCase("1.1")]
    [TestCase("2.0")]
    public async Task A_client_is_asked_to_connect_again_after_a_number_of_requests(string version)
    {
        var connections = new ConcurrentDictionary<string, int>();
        await using var server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0)] },
            context =>
            {
                connections.AddOrUpdate(context.Connection.Id, 1, static (_, count) => count + 1);
                return context.Response.WriteAsync("hello");
            }
        );
        await server.StartAsync(default);
        server.Limits = server.Limits with { MaxRequestsPerConnection = 4 };
        using var client = new HttpClient
        {
            DefaultRequestVersion = Version.Parse(version),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        for (var i = 0; i < 12; i++)
        {
            using var response = await client.GetAsync(new Uri($"http://{server.Endpoints[0]}/"));
            (await response.Content.ReadAsStringAsync()).Should().Be("hello");
            if (version == "1.1")
                response.Headers.ConnectionClose.Should().Be(i % 4 == 3 ? true : null);
        }

        // A client may send another request before it has read the GOAWAY.
        connections.Count.Should().BeInRange(2, 3);
        if (version == "1.1")
            connections.Values.Should().Equal(4, 4, 4);
    }

    [Test]
    public async Task A_request_in_flight_outlives_any_change()
    {
        var (arrived, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0)] },
            async context =>
            {
                await context.Response.StartAsync();
                arrived.SetResult();
                await go.Task;
                await context.Response.WriteAsync("whole");
            }
        );
        await server.StartAsync(default);
        using var client = new HttpClient();
        var response = client.GetStringAsync(new Uri($"http://{server.Endpoints[0]}/"));
        await arrived.Task;

        server.Limits = new ServerLimits
        {
            HeadersTimeout = TimeSpan.FromSeconds(1),
            KeepAliveTimeout = TimeSpan.FromSeconds(1),
            MaxConnections = 1,
            MaxHeaderBytes = 4096,
            MaxRequestsPerConnection = 1,
            MaxStreamsPerConnection = 1,
            ProxyProtocol = new([IPNetwork.Parse("10.0.0.0/8")], IsRequired: true),
        };
        await RefusesAnotherAsync(server);
        go.SetResult();

        (await response).Should().Be("whole");
    }

    private static async Task<DataplaneServer> StartAsync(ServerLimits limits)
    {
        var server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0)], Limits = limits },
            static context => context.Response.WriteAsync("hello")
        );
        await server.StartAsync(default);
        return server;
    }

    /// <summary>Connects, and waits until the server closes; it may do so before the client knows that it is connected.</summary>
    private static async Task RefusesAnotherAsync(DataplaneServer server)
    {
        try
        {
            using var client = await RawClient.ConnectAsync(server);
            await client.ClosedAsync(Limit);
        }
        catch (SocketException)
        {
            // It was reset.
        }
    }

    /// <summary>Connects until a connection is served, because the server learns later than the client that another one is
    /// closed.</summary>
    private static Task ServesAnotherAsync(DataplaneServer server) =>
        Eventually.HoldsAsync(async () =>
        {
            using var client = await RawClient.ConnectAsync(server);
            (await client.AskAsync(Get)).Should().StartWith("HTTP/1.1 200");
        });

    /// <summary>The SETTINGS that the server sends first on a connection of HTTP/2.</summary>
    private static async Task<Dictionary<int, uint>> SettingsAsync(DataplaneServer server)
    {
        using var client = await RawClient.ConnectAsync(server);
        await client.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0");
        var head = await client.ReadAsync(9);
        head[3].Should().Be(Http2Frames.Settings);
        var settings = await client.ReadAsync(BinaryPrimitives.ReadInt32BigEndian(head) >> 8);
        return settings
            .Chunk(6)
            .ToDictionary(
                static setting => (int)BinaryPrimitives.ReadUInt16BigEndian(setting),
                static setting => BinaryPrimitives.ReadUInt32BigEndian(setting.AsSpan(2))
            );
    }

    private sealed class RawClient : IDisposable
    {
        private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

        public static async Task<RawClient> ConnectAsync(DataplaneServer server)
        {
            var client = new RawClient();
            await client._socket.ConnectAsync(server.Endpoints[0]);
            return client;
        }

        public async Task SendAsync(string text) => await _socket.SendAsync(Encoding.Latin1.GetBytes(text));

        /// <summary>Sends a request and returns the beginning of its response.</summary>
        public async Task<string> AskAsync(string request)
        {
            await SendAsync(request);
            using var deadline = new CancellationTokenSource(Limit);
            var response = new StringBuilder();
            var buffer = new byte[4096];
            while (!response.ToString().Contains("\r\n0\r\n\r\n", StringComparison.Ordinal))
            {
                var count = await _socket.ReceiveAsync(buffer, deadline.Token);
                if (count == 0)
                    break;
                response.Append(Encoding.Latin1.GetString(buffer, 0, count));
            }

            return response.ToString();
        }

        public async Task<byte[]> ReadAsync(int length)
        {
            using var deadline = new CancellationTokenSource(Limit);
            await using var stream = new NetworkStream(_socket, ownsSocket: false);
            var bytes = new byte[length];
            await stream.ReadExactlyAsync(bytes, deadline.Token);
            return bytes;
        }

        public async Task ClosedAsync(TimeSpan within)
        {
            using var limit = new CancellationTokenSource(within);
            try
            {
                while (await _socket.ReceiveAsync(new byte[4096], limit.Token) != 0) { }
            }
            catch (SocketException)
            {
                // A reset also counts as closed.
            }
        }

        public void Dispose() => _socket.Dispose();
    }
}
