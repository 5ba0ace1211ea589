using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Serving.Api.Core;
using Serving.Concurrency.Sockets;
using Serving.LocalCluster.Node.Processes;

namespace Serving.LocalCluster.Node.Probes;

/// <summary>Runs the probes and hooks of containers. Failures are results, with the texts of a kubelet.</summary>
[SuppressMessage("Security", "CA5359", Justification = "Probes over HTTPS check no certificate: that is how the API defines them.")]
internal sealed class Prober : IDisposable
{
    private const int MostRedirects = 10;

    private readonly HttpMessageInvoker _http = new(CreateHandler());

    /// <summary>
    /// Sends a GET; a status from 200 to 399 is a success. A redirect is followed on the same host; a redirect to another host is a
    /// success.
    /// </summary>
    public async Task<ProbeResult> HttpAsync(HttpGetAction action, IPEndPoint target, TimeSpan timeout, CancellationToken cancellation)
    {
        var scheme = action.Scheme.Equals("HTTPS", StringComparison.OrdinalIgnoreCase) ? "https" : "http";
        var url = $"{scheme}://{target}{(action.Path.StartsWith('/') ? "" : "/")}{action.Path}";
        using var deadline = Deadline(timeout, cancellation);
        try
        {
            var uri = new Uri(url);
            for (var hops = 0; hops <= MostRedirects; hops++)
            {
                using var request = Request(action, uri);
                using var response = await _http.SendAsync(request, deadline.Token);
                if ((int)response.StatusCode is 301 or 302 or 303 or 307 or 308 && response.Headers.Location is { } location)
                {
                    var next = new Uri(uri, location);
                    if (next.Host != uri.Host)
                    {
                        return ProbeResult.Well;
                    }

                    uri = next;
                    continue;
                }

                return (int)response.StatusCode is >= 200 and < 400
                    ? ProbeResult.Well
                    : ProbeResult.Failed($"HTTP probe failed with statuscode: {(int)response.StatusCode}");
            }

            return ProbeResult.Failed($"Get \"{url}\": stopped after {MostRedirects} redirects");
        }
        catch (HttpRequestException e)
        {
            return ProbeResult.Failed($"Get \"{url}\": {Reason(e, target)}");
        }
        catch (UriFormatException e)
        {
            return ProbeResult.Failed($"Get \"{url}\": {e.Message}");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return ProbeResult.Failed($"Get \"{url}\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
        }
    }

    private static HttpRequestMessage Request(HttpGetAction action, Uri uri)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, uri);
        request.Headers.TryAddWithoutValidation("User-Agent", "kube-probe/1.34");
        request.Headers.TryAddWithoutValidation("Accept", "*/*");
        request.Headers.ConnectionClose = true;
        foreach (var name in action.HttpHeaders.Select(header => header.Name).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            request.Headers.Remove(name);
        }

        foreach (var header in action.HttpHeaders)
        {
            request.Headers.TryAddWithoutValidation(header.Name, header.Value);
        }

        return request;
    }

    private static SocketsHttpHandler CreateHandler()
    {
        var handler = PoolConnections.CreateHandler();
        handler.AllowAutoRedirect = false;
        handler.UseCookies = false;
        handler.UseProxy = false;
        handler.ActivityHeadersPropagator = null;

        // Always probe with a new connection: an old one would still work after the program has stopped accepting.
        handler.PooledConnectionLifetime = TimeSpan.Zero;
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
        return handler;
    }

    /// <summary>Opens a connection; an accepted connection is a success.</summary>
    public static async Task<ProbeResult> TcpAsync(IPEndPoint target, TimeSpan timeout, CancellationToken cancellation)
    {
        using var deadline = Deadline(timeout, cancellation);
        using var socket = new Socket(target.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await PoolThread.AfterAsync(socket.ConnectAsync(target, deadline.Token));
            return ProbeResult.Well;
        }
        catch (SocketException e)
        {
            return ProbeResult.Failed(Reason(e, target));
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return ProbeResult.Failed($"dial tcp {target}: i/o timeout");
        }
    }

    /// <summary>Calls the standard health service (grpc.health.v1); SERVING is a success.</summary>
    public async Task<ProbeResult> GrpcAsync(GrpcAction action, IPEndPoint target, TimeSpan timeout, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{target}/grpc.health.v1.Health/Check")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(HealthCheckRequest(action.Service ?? "")),
        };
        request.Headers.TryAddWithoutValidation("TE", "trailers");
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        using var deadline = Deadline(timeout, cancellation);
        try
        {
            using var response = await _http.SendAsync(request, deadline.Token);
            var body = await response.Content.ReadAsByteArrayAsync(deadline.Token);
            var status =
                response.TrailingHeaders.TryGetValues("grpc-status", out var trailer)
                || response.Headers.TryGetValues("grpc-status", out trailer)
                    ? trailer.First()
                    : "2";
            if (status != "0")
            {
                return ProbeResult.Failed($"error: rpc error: code = {status}");
            }

            // The response frame: five bytes, then field 1 as a varint; 1 is SERVING, and 0 (UNKNOWN) is omitted.
            return body is [_, _, _, _, _, 0x08, 1, ..]
                ? ProbeResult.Well
                : ProbeResult.Failed("service unhealthy (responded with \"NOT_SERVING\")");
        }
        catch (HttpRequestException e)
        {
            return ProbeResult.Failed($"error: rpc error: code = Unavailable desc = {Reason(e, target)}");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return ProbeResult.Failed(
                $"timeout: failed to connect service \"{target}\" within {timeout.TotalSeconds}s: context deadline exceeded"
            );
        }
    }

    /// <summary>Runs a command beside the container; exit code 0 is a success. Its output, truncated, is the message.</summary>
    public static async Task<ProbeResult> ExecAsync(
        ProcessLauncher launcher,
        ProcessSpec spec,
        TimeSpan timeout,
        CancellationToken cancellation
    )
    {
        RunningProcess process;
        try
        {
            process = await launcher.StartAsync(spec);
        }
        catch (Exception e) when (e is IOException or System.ComponentModel.Win32Exception)
        {
            return ProbeResult.Failed(e.Message);
        }

        var output = Task.WhenAll(ReadAsync(process.Output), ReadAsync(process.Error));
        try
        {
            var code = await process.Exited.WaitAsync(timeout, cancellation);
            return code == 0
                ? ProbeResult.Well
                : ProbeResult.Failed(string.Concat(await output.WaitAsync(TimeSpan.FromSeconds(1), cancellation)).Trim());
        }
        catch (TimeoutException)
        {
            return ProbeResult.Failed($"command \"{string.Join(' ', spec.Command)}\" timed out");
        }
        finally
        {
            process.Kill();
        }
    }

    public void Dispose() => _http.Dispose();

    private static async Task<string> ReadAsync(Stream stream)
    {
        const int most = 10 * 1024;
        var buffer = new byte[most];
        var length = 0;
        try
        {
            int read;
            var rest = new byte[1024];
            while ((read = await stream.ReadAsync(length < most ? buffer.AsMemory(length) : rest)) > 0)
            {
                length = Math.Min(most, length + read);
            }
        }
        catch (IOException)
        {
            // The command was killed while it wrote: use the output so far.
            return Encoding.UTF8.GetString(buffer, 0, length);
        }

        return Encoding.UTF8.GetString(buffer, 0, length);
    }

    private static byte[] HealthCheckRequest(string service)
    {
        var name = Encoding.UTF8.GetBytes(service);
        byte[] message = name.Length == 0 ? [] : [0x0a, (byte)Math.Min(name.Length, 127), .. name.AsSpan(0, Math.Min(name.Length, 127))];
        var frame = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    private static CancellationTokenSource Deadline(TimeSpan timeout, CancellationToken cancellation)
    {
        var source = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        source.CancelAfter(timeout);
        return source;
    }

    private static string Reason(Exception e, IPEndPoint target) =>
        e.GetBaseException() is SocketException socket
            ? $"dial tcp {target}: {(socket.SocketErrorCode == SocketError.ConnectionRefused ? "connect: connection refused" : socket.Message)}"
            : e.Message;
}
