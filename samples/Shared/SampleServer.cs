using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Samples;

/// <summary>
/// A bare Kestrel, without generic host, service container and configuration: every omitted part shortens the first
/// response of a function that scales from zero. Serves HTTP/1.1 and HTTP/2 without TLS on one port.
/// </summary>
internal sealed class SampleServer(Func<HttpContext, Task> handler) : IHttpApplication<HttpContext>
{
    /// <summary>
    /// Serves on <c>PORT</c> (8080 unless set) until SIGTERM or Ctrl-C, then completes the requests in flight and returns. Listens on all
    /// addresses, unless <c>LISTEN_ADDRESS</c> is set: a local cluster sets it to a loopback address.
    /// </summary>
    public static async Task RunAsync(Func<HttpContext, Task> handler)
    {
        var port = int.Parse(Environment.GetEnvironmentVariable("PORT") ?? "8080", CultureInfo.InvariantCulture);
        var address = Environment.GetEnvironmentVariable("LISTEN_ADDRESS") is { Length: > 0 } listen
            ? IPAddress.Parse(listen)
            : IPAddress.Any;

        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);

        var transport = new SocketTransportFactory(Options.Create(new SocketTransportOptions()), NullLoggerFactory.Instance);
        using var server = new KestrelServer(Options.Create(Configure(address, port)), transport, NullLoggerFactory.Instance);
        await server.StartAsync(new SampleServer(handler), CancellationToken.None);
        Console.WriteLine($"Listening on {address}:{port}");
        await stop.Task;

        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        await server.StopAsync(deadline.Token);

        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            stop.TrySetResult();
        }
    }

    HttpContext IHttpApplication<HttpContext>.CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

    Task IHttpApplication<HttpContext>.ProcessRequestAsync(HttpContext context) => handler(context);

    void IHttpApplication<HttpContext>.DisposeContext(HttpContext context, Exception? exception)
    {
        if (exception is not null)
        {
            Console.Error.WriteLine(exception);
        }
    }

    private static KestrelServerOptions Configure(IPAddress address, int port)
    {
        var options = new KestrelServerOptions { ApplicationServices = NoServices.Instance, AddServerHeader = false };

        // Without TLS, Kestrel supports only one protocol per endpoint. So an unused endpoint has
        // the HTTP/2 pipeline, and connections of the real endpoint are passed to it when they start with the HTTP/2 preface.
        ConnectionDelegate? http2 = null;
        options.Listen(
            new UnixDomainSocketEndPoint($"\0http2/{Environment.ProcessId}"),
            endpoint =>
            {
                endpoint.Protocols = HttpProtocols.Http2;
                endpoint.Use(next => http2 = next);
            }
        );
        options.Listen(
            address,
            port,
            endpoint =>
            {
                endpoint.Protocols = HttpProtocols.Http1;
                endpoint.Use(http1 => async connection => await (await IsHttp2Async(connection) ? http2! : http1)(connection));
            }
        );
        return options;
    }

    private static async ValueTask<bool> IsHttp2Async(ConnectionContext connection)
    {
        var input = connection.Transport.Input;
        while (true)
        {
            var read = await input.ReadAsync(connection.ConnectionClosed);
            var start = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, 14)).ToArray();
            var isPreface = "PRI * HTTP/2.0"u8.StartsWith(start);
            var known = !isPreface || start.Length == 14 || read.IsCompleted;
            input.AdvanceTo(read.Buffer.Start, known ? read.Buffer.Start : read.Buffer.End);
            if (known)
            {
                return isPreface && start.Length == 14;
            }
        }
    }

    private sealed class NoServices : IServiceProvider
    {
        public static NoServices Instance { get; } = new();

        public object? GetService(Type serviceType) => null;
    }
}
