using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;

namespace Serving.TestPrograms;

/// <summary>
/// Sends a request to <c>?url=</c> and returns its response. <c>NEXT_ADDRESS</c> (IP:PORT) is the address to connect to, for names without
/// DNS, and <c>NEXT_AUTHORITY</c> the CA certificate, in PEM, of the server's certificate.
/// </summary>
internal static class Next
{
    private static readonly Lazy<HttpClient> Client = new(Create);

    /// <summary>Returns the other server's response, or 502 with the error.</summary>
    public static async Task AskAsync(HttpContext context)
    {
        try
        {
            using var response = await Client.Value.GetAsync(new Uri(context.Request.Query["url"].ToString()), context.RequestAborted);
            context.Response.StatusCode = (int)response.StatusCode;
            await response.Content.CopyToAsync(context.Response.Body);
        }
        catch (HttpRequestException failure)
        {
            context.Response.StatusCode = StatusCodes.Status502BadGateway;
            await context.Response.WriteAsync(failure.ToString());
        }
    }

    private static HttpClient Create()
    {
        var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false };
        if (Settings.Text("NEXT_ADDRESS") is { Length: > 0 } address)
        {
            handler.ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    await socket.ConnectAsync(IPEndPoint.Parse(address), cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            };
        }

        if (Settings.Text("NEXT_AUTHORITY") is { Length: > 0 } authority)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.ImportFromPem(authority);
        }

        return new HttpClient(handler);
    }
}
