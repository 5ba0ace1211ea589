using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Serving.Benchmarks.Soak;

/// <summary>
/// Hostile clients, each in its own loop until cancelled. They make a server hold or do far more than they send; each needs only a
/// small part of a core itself.
/// </summary>
/// <param name="gateway">The gateway's external listener.</param>
/// <param name="good">The host of a Service that responds at once.</param>
/// <param name="busy">The host of a Service that handles one slow request at a time, while the others are queued.</param>
/// <param name="kinds">Which of them run.</param>
internal sealed class HostileClients(IPEndPoint gateway, string good, string busy, HostileKinds kinds)
{
    private const int HeaderOfAmplification = 3900;
    private const int RepeatsOfAmplification = 62;

    // As many as a server that bounds the growth of each head serves.
    private const int RepeatsAllowed = 1;

    private static readonly string[] Malformed =
    [
        "POST / HTTP/1.1\r\nHost: {0}\r\nContent-Length: +5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: {0}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: {0}\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: {0}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "CONNECT {0}:443 HTTP/1.1\r\nHost: {0}:443\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: {0}\r\nConnection: close, X-Forwarded-For, X-Foo\r\nX-Foo: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: {0}\r\nK-Proxy-Request: activator\r\nK-Network-Probe: queue\r\nUser-Agent: kube-probe/1.36\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: {0}\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\r\n",
        "GET http://{0}/ HTTP/1.1\r\nHost: nobody.example\r\nConnection: close\r\n\r\n",
    ];

    private long _done;

    /// <summary>The number of connections of hostile clients so far.</summary>
    public long Connections => Interlocked.Read(ref _done);

    /// <summary>Runs all of them until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellation) =>
        Task.WhenAll([
            .. Enumerable.Range(0, 5).Select(_ => LoopAsync(token => AmplifyAsync(RepeatsOfAmplification, token), cancellation)),
            .. Enumerable.Range(0, 5).Select(_ => LoopAsync(token => AmplifyAsync(RepeatsAllowed, token), cancellation)),
            .. Enumerable.Range(0, 4).Select(_ => LoopAsync(LeaveHeadOpenAsync, cancellation)),
            .. Enumerable.Range(0, 30).Select(i => LoopAsync(token => SayLittleAsync(i, token), cancellation)),
            .. Enumerable.Range(0, kinds == HostileKinds.All ? 20 : 0).Select(_ => LoopAsync(HoldBodyAsync, cancellation)),
            LoopAsync(ResetRapidlyAsync, cancellation),
            LoopAsync(FloodWithPingsAsync, cancellation),
            LoopAsync(SendMalformedAsync, cancellation),
        ]);

    private async Task LoopAsync(Func<CancellationToken, Task> client, CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                Interlocked.Increment(ref _done);
                await client(cancellation);
                await Task.Delay(TimeSpan.FromMilliseconds(200), cancellation);
            }
            catch (Exception exception)
                when (exception is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
            {
                // The server closed this connection, or the run is over; the loop continues with a new one.
                await Task.Delay(TimeSpan.FromMilliseconds(200), CancellationToken.None);
            }
        }
    }

    // 950 streams with up to 240 KB of headers each, sent in about 100 bytes each, queued for a busy Service.
    private async Task AmplifyAsync(int repeats, CancellationToken cancellation)
    {
        using var client = await RawHttp2.ConnectAsync(gateway);
        byte[] head = RawHttp2.Literals((":method", "GET"), (":scheme", "http"), (":path", "/?sleep=1000"), (":authority", busy));
        await client.SendAsync(
            RawHttp2.Frame(
                1,
                RawHttp2.EndStream | RawHttp2.EndHeaders,
                1,
                [.. head, .. RawHttp2.Indexed("x-large", new string('a', HeaderOfAmplification)), .. RawHttp2.Repeat(repeats - 1)]
            )
        );
        for (var i = 1; i < 950 && !client.Closed.IsCompleted; i++)
        {
            await client.SendAsync(
                RawHttp2.Frame(1, RawHttp2.EndStream | RawHttp2.EndHeaders, 1 + (2 * i), [.. head, .. RawHttp2.Repeat(repeats)])
            );
            if (i % 50 == 0)
                await Task.Delay(TimeSpan.FromMilliseconds(100), cancellation);
        }

        await Task.WhenAny(client.Closed, Task.Delay(TimeSpan.FromSeconds(10), cancellation));
    }

    // The same amplification in a head that never ends.
    private async Task LeaveHeadOpenAsync(CancellationToken cancellation)
    {
        using var client = await RawHttp2.ConnectAsync(gateway);
        byte[] head = RawHttp2.Literals((":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", good));
        await client.SendAsync(
            RawHttp2.Frame(1, RawHttp2.EndStream, 1, [.. head, .. RawHttp2.Indexed("x-large", new string('a', HeaderOfAmplification))])
        );
        await client.SendAsync(RawHttp2.Frame(9, 0, 1, RawHttp2.Repeat(RepeatsOfAmplification)));
        await Task.WhenAny(client.Closed, Task.Delay(TimeSpan.FromSeconds(40), cancellation));
    }

    // Sends nothing, the start of a preface, or the start of a head.
    private async Task SayLittleAsync(int which, CancellationToken cancellation)
    {
        using var socket = await ConnectAsync(cancellation);
        string[] starts = ["", "PRI * HT", $"GET / HTTP/1.1\r\nHost: {good}\r\nX-Sl"];
        await socket.SendAsync(Encoding.ASCII.GetBytes(starts[which % starts.Length]), cancellation);
        while (await socket.ReceiveAsync(new byte[1024], cancellation) != 0) { }
    }

    // Sends a body that is not read while its request is queued.
    private async Task HoldBodyAsync(CancellationToken cancellation)
    {
        using var socket = await ConnectAsync(cancellation);
        await socket.SendAsync(
            Encoding.ASCII.GetBytes($"POST /?sleep=1000 HTTP/1.1\r\nHost: {busy}\r\nContent-Length: 10000000\r\n\r\n"),
            cancellation
        );
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromSeconds(10));
        var part = new byte[64 * 1024];
        for (var sent = 0; sent < 10_000_000; sent += part.Length)
            await socket.SendAsync(part, limit.Token);
    }

    private async Task ResetRapidlyAsync(CancellationToken cancellation)
    {
        using var client = await RawHttp2.ConnectAsync(gateway);
        byte[] head = RawHttp2.Literals((":method", "GET"), (":scheme", "https"), (":path", "/?sleep=1000"), (":authority", busy));
        for (var i = 0; i < 2000 && !client.Closed.IsCompleted; i++)
        {
            await client.SendAsync(
                (byte[])
                    [
                        .. RawHttp2.Frame(1, RawHttp2.EndStream | RawHttp2.EndHeaders, 1 + (2 * i), head),
                        .. RawHttp2.Frame(3, 0, 1 + (2 * i), [0, 0, 0, 8]),
                    ]
            );
            if (i % 20 == 0)
                await Task.Delay(TimeSpan.FromMilliseconds(20), cancellation);
        }
    }

    // Each frame requires a reply, and no reply is read.
    private async Task FloodWithPingsAsync(CancellationToken cancellation)
    {
        using var client = await RawHttp2.ConnectAsync(gateway, read: false);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromSeconds(20));
        byte[] pings =
        [
            .. Enumerable.Range(0, 50).SelectMany(static _ => RawHttp2.Frame(6, 0, 0, new byte[8]).Concat(RawHttp2.Frame(4, 0, 0, []))),
        ];
        while (!limit.IsCancellationRequested)
        {
            await client.SendAsync(pings).WaitAsync(limit.Token);
            await Task.Delay(TimeSpan.FromMilliseconds(20), limit.Token);
        }
    }

    private async Task SendMalformedAsync(CancellationToken cancellation)
    {
        foreach (var request in Malformed)
        {
            using var socket = await ConnectAsync(cancellation);
            await socket.SendAsync(Encoding.ASCII.GetBytes(request.Replace("{0}", good, StringComparison.Ordinal)), cancellation);
            var buffer = new byte[4096];
            while (await socket.ReceiveAsync(buffer, cancellation) != 0) { }
        }
    }

    private async Task<Socket> ConnectAsync(CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(gateway, cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
