using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Serving.Concurrency.Sockets;

namespace Serving.Dataplane.Probes;

/// <summary>Probes a server through the gRPC health service (<c>grpc.health.v1.Health</c>) over h2c.</summary>
public static class GrpcProbe
{
    private const byte StatusField = (1 << 3) | 0;
    private const byte Serving = 1;

    /// <summary>Whether <paramref name="service"/> (empty for the whole server) reports SERVING.</summary>
    /// <exception cref="HttpRequestException">The connection failed, or the server does not speak HTTP/2.</exception>
    public static async Task<bool> CheckAsync(string host, int port, string service, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(service);
        using var handler = PoolConnections.CreateHandler();
        handler.UseProxy = false;
        using var client = new HttpMessageInvoker(handler);
        using var request = new HttpRequestMessage(HttpMethod.Post, $"http://{host}:{port}/grpc.health.v1.Health/Check")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(Message(service)) { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc") } },
        };
        request.Headers.TryAddWithoutValidation("TE", "trailers");
        request.Headers.TryAddWithoutValidation("User-Agent", DataplaneHeaders.KubeProbeUserAgentPrefix);
        using var response = await client.SendAsync(request, cancellation);
        var body = await response.Content.ReadAsByteArrayAsync(cancellation);
        var status =
            response.TrailingHeaders.TryGetValues("grpc-status", out var values) || response.Headers.TryGetValues("grpc-status", out values)
                ? values.FirstOrDefault()
                : null;

        // A length-prefixed message: compressed flag, four bytes of length, then the field "status".
        return response.IsSuccessStatusCode && status == "0" && body is [0, _, _, _, _, StatusField, Serving, ..];
    }

    private static byte[] Message(string service)
    {
        var name = Encoding.UTF8.GetBytes(service);
        if (name.Length == 0)
            return [0, 0, 0, 0, 0];
        if (name.Length > 125)
            throw new ArgumentException("The name of a gRPC health service must be at most 125 bytes long.", nameof(service));
        return [0, 0, 0, 0, (byte)(name.Length + 2), (1 << 3) | 2, (byte)name.Length, .. name];
    }
}
