using System.Buffers.Text;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Serving.Concurrency.Sockets;

namespace Serving.Dataplane.Probes;

/// <summary>
/// Sends one HTTP/1.1 probe on its own connection. Designed to be retried every few milliseconds: a refused connection costs two system
/// calls and involves no HTTP client.
/// </summary>
public static class HttpProbe
{
    private const int MaxResponse = 16 * 1024;

    /// <summary>Sends a GET and reads at most 16 KiB of the response.</summary>
    /// <param name="host">Host name or IP address.</param>
    /// <param name="port">Port.</param>
    /// <param name="path">Path and query; a missing leading slash is added.</param>
    /// <param name="headers">Headers to send. Host and User-Agent are added unless present.</param>
    /// <param name="tls">Whether to use TLS. Like the kubelet, the probe accepts any certificate.</param>
    /// <param name="cancellation">Aborts the probe.</param>
    /// <exception cref="IOException">The response is not HTTP or is incomplete.</exception>
    /// <exception cref="SocketException">The connection failed.</exception>
    public static async Task<HttpProbeResult> GetAsync(
        string host,
        int port,
        string path,
        IEnumerable<KeyValuePair<string, string>> headers,
        bool tls,
        CancellationToken cancellation
    )
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(headers);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await PoolThread.AfterAsync(
            IPAddress.TryParse(host, out var address)
                ? socket.ConnectAsync(address, port, cancellation)
                : socket.ConnectAsync(host, port, cancellation)
        );
        await using var raw = new PoolStream(new NetworkStream(socket));
        if (!tls)
            return await AskAsync(raw, Request(host, port, path, headers), cancellation);

#pragma warning disable CA5359 // The kubelet does not verify certificates either: a probe sends no secret and learns only readiness.
        await using var ssl = new SslStream(raw, leaveInnerStreamOpen: true, static (_, _, _, _) => true);
#pragma warning restore CA5359
        await ssl.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = host, EnabledSslProtocols = TlsVersions.Spoken },
            cancellation
        );
        return await AskAsync(ssl, Request(host, port, path, headers), cancellation);
    }

    private static byte[] Request(string host, int port, string path, IEnumerable<KeyValuePair<string, string>> headers)
    {
        var request = new StringBuilder("GET ").Append(path.StartsWith('/') ? "" : "/").Append(path).Append(" HTTP/1.1\r\n");
        var (hostGiven, agentGiven) = (false, false);
        foreach (var (name, value) in headers)
        {
            hostGiven |= name.Equals("Host", StringComparison.OrdinalIgnoreCase);
            agentGiven |= name.Equals("User-Agent", StringComparison.OrdinalIgnoreCase);
            request.Append(name).Append(": ").Append(value).Append("\r\n");
        }

        if (!hostGiven)
            request.Append("Host: ").Append(HostAndPort.Of(host, port)).Append("\r\n");
        if (!agentGiven)
            request.Append("User-Agent: ").Append(DataplaneHeaders.KubeProbeUserAgentPrefix).Append("\r\n");
        return Encoding.Latin1.GetBytes(request.Append("Accept: */*\r\nConnection: close\r\n\r\n").ToString());
    }

    private static async Task<HttpProbeResult> AskAsync(Stream stream, byte[] request, CancellationToken cancellation)
    {
        await stream.WriteAsync(request, cancellation);
        var buffer = new byte[MaxResponse];
        var length = 0;
        while (length < buffer.Length)
        {
            var read = await stream.ReadAsync(buffer.AsMemory(length), cancellation);
            if (read == 0)
                break;
            length += read;
            if (Complete(buffer.AsSpan(0, length)) is { } complete)
                return complete;
        }

        return Parse(buffer.AsSpan(0, length)) ?? throw new IOException("The response is not HTTP/1.1 or is incomplete.");
    }

    // Returns the response as soon as it is complete: some servers keep the connection open in spite of "Connection: close".
    private static HttpProbeResult? Complete(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf("\r\n\r\n"u8);
        if (end < 0 || Parse(bytes) is not { } result)
            return null;
        var head = bytes[..(end + 2)];
        if (IsChunked(head))
            return bytes.EndsWith("0\r\n\r\n"u8) ? result : null;
        if (Header(head, "content-length"u8) is { IsEmpty: false } length)
            return Utf8Parser.TryParse(length, out int expected, out _) && bytes.Length - end - 4 >= expected ? result : null;

        // The body of a redirect or an error is not needed.
        return result.Status is >= 200 and < 300 and not 204 ? null : result;
    }

    private static HttpProbeResult? Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 12 || !bytes.StartsWith("HTTP/1."u8) || !Utf8Parser.TryParse(bytes[9..12], out int status, out _))
            return null;
        var end = bytes.IndexOf("\r\n\r\n"u8);
        if (end < 0)
            return new HttpProbeResult(status, "");
        var body = bytes[(end + 4)..];
        return new HttpProbeResult(status, IsChunked(bytes[..(end + 2)]) ? Join(body) : Encoding.UTF8.GetString(body));
    }

    private static bool IsChunked(ReadOnlySpan<byte> head) => Ascii.EqualsIgnoreCase(Header(head, "transfer-encoding"u8), "chunked"u8);

    private static ReadOnlySpan<byte> Header(ReadOnlySpan<byte> head, ReadOnlySpan<byte> name)
    {
        foreach (var range in head.Split("\r\n"u8))
        {
            var line = head[range];
            var colon = line.IndexOf((byte)':');
            if (colon >= 0 && Ascii.EqualsIgnoreCase(line[..colon], name))
                return line[(colon + 1)..].Trim((byte)' ');
        }

        return default;
    }

    private static string Join(ReadOnlySpan<byte> chunks)
    {
        var body = new StringBuilder();
        while (Utf8Parser.TryParse(chunks, out uint size, out _, 'X') && size != 0)
        {
            var line = chunks.IndexOf("\r\n"u8);
            if (line < 0)
                break;
            chunks = chunks[(line + 2)..];
            var length = (int)Math.Min(size, (uint)chunks.Length);
            body.Append(Encoding.UTF8.GetString(chunks[..length]));
            chunks = chunks[Math.Min(length + 2, chunks.Length)..];
        }

        return body.ToString();
    }
}
