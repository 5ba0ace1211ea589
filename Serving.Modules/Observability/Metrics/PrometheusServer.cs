using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Serving.Observability;

/// <summary>Serves <c>/metrics</c> on an address of its own, so that scrapes stay off the data path.</summary>
public sealed class PrometheusServer : IAsyncDisposable
{
    private readonly KestrelServer server;
    private readonly Application application;

    /// <param name="address">Where to listen; port 0 takes any.</param>
    /// <param name="exporter">What to show. It is not disposed with the server.</param>
    /// <param name="loggers">Where to log.</param>
    public PrometheusServer(IPEndPoint address, PrometheusExporter exporter, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(exporter);
        var options = new KestrelServerOptions { AddServerHeader = false, ApplicationServices = NoServices.Instance };
        options.Limits.MaxConcurrentConnections = 100;
        options.Limits.MaxRequestBodySize = 0;
        options.Listen(address, static listen => listen.Protocols = HttpProtocols.Http1);
        server = new KestrelServer(Options.Create(options), new SocketTransportFactory(Options.Create(new SocketTransportOptions()), loggers), loggers);
        application = new Application(exporter);
    }

    /// <summary>Where it listens, known once started.</summary>
    public IPEndPoint? Listening { get; private set; }

    /// <summary>Listens.</summary>
    /// <exception cref="IOException">The address is in use.</exception>
    public async Task StartAsync(CancellationToken cancellation)
    {
        await server.StartAsync(application, cancellation).ConfigureAwait(false);
        var uri = new Uri(server.Features.Get<IServerAddressesFeature>()!.Addresses.First());
        Listening = new IPEndPoint(IPAddress.Parse(uri.Host.Trim('[', ']')), uri.Port);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        await server.StopAsync(deadline.Token).ConfigureAwait(false);
        server.Dispose();
    }

    private sealed class Application(PrometheusExporter exporter) : IHttpApplication<HttpContext>
    {
        public HttpContext CreateContext(IFeatureCollection contextFeatures) => new DefaultHttpContext(contextFeatures);

        public Task ProcessRequestAsync(HttpContext context)
        {
            if (context.Request.Path == "/metrics")
            {
                return exporter.HandleAsync(context);
            }

            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        public void DisposeContext(HttpContext context, Exception? exception)
        {
            // Nothing is kept between requests, and Kestrel logs what went wrong.
        }
    }

    private sealed class NoServices : IServiceProvider
    {
        public static NoServices Instance { get; } = new();

        public object? GetService(Type serviceType) => null;
    }
}
