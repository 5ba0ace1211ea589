using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;

namespace Serving.Kubernetes.Hosting;

/// <summary>
/// A port of the process's application, with its own pipeline. Invariant: a request belongs to the port that accepted its connection,
/// whatever its Host header says, so no port serves a path of another.
/// </summary>
public sealed class ServingPort
{
    private ListenOptions? _listener;
    private RequestDelegate? _requests;

    /// <param name="name">The name, such as <c>health</c>.</param>
    /// <param name="address">The address to listen on; port 0 picks a free one. Null for a port that is opened while the process
    /// runs.</param>
    public ServingPort(string name, IPEndPoint? address)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        (Name, Address) = (name, address);
    }

    /// <summary>The name.</summary>
    public string Name { get; }

    /// <summary>The configured address.</summary>
    public IPEndPoint? Address { get; }

    /// <summary>Maximum number of concurrent connections.</summary>
    public int MaxConnections { get; init; } = 100;

    /// <summary>Returns the certificate for each handshake; null for plain text. Without a certificate yet, the handshake fails.</summary>
    public Func<SslStreamCertificateContext>? Certificate { get; init; }

    /// <summary>The response body for an unknown path.</summary>
    public string NotFound { get; init; } = "this port does not serve the path";

    /// <summary>The response body for a method that the path does not support.</summary>
    public string NotAllowed { get; init; } = "this path does not support the method";

    /// <summary>Adds the middleware and endpoints of this port.</summary>
    public required Action<IApplicationBuilder> Serve { get; init; }

    /// <summary>The address it listens on, once started.</summary>
    public IPEndPoint? EndPoint => _listener?.IPEndPoint;

    /// <summary>Assigns a listener to this port.</summary>
    public void Configure(ListenOptions listener, ILoggerFactory loggers)
    {
        ArgumentNullException.ThrowIfNull(listener);
        _listener = listener;
        var limit = new ConnectionLimit(Name, MaxConnections, loggers.CreateLogger<ServingPort>());
        listener.Use(next => connection => limit.OnConnectionAsync(connection, next));
        listener.Use(next =>
            connection =>
            {
                connection.Features.Set(this);
                return next(connection);
            }
        );
        if (Certificate is { } certificate)
        {
            listener.UseHttps(
                new TlsHandshakeCallbackOptions
                {
                    OnConnection = _ =>
                        ValueTask.FromResult(
                            new SslServerAuthenticationOptions
                            {
                                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                                ServerCertificateContext = certificate(),
                            }
                        ),
                }
            );
        }
        else
        {
            listener.Protocols = HttpProtocols.Http1;
        }
    }

    /// <summary>Builds the port's own pipeline and routing table.</summary>
    internal void Build(IApplicationBuilder application)
    {
        var branch = application.New();
        branch.Use(next =>
            async context =>
            {
                await next(context);
                await ExplainAsync(context);
            }
        );
        Serve(branch);
        _requests = branch.Build();
    }

    /// <summary>Dispatches a request to the port that accepted its connection.</summary>
    internal static Task HandleAsync(HttpContext context) => context.Features.GetRequiredFeature<ServingPort>()._requests!(context);

    /// <summary>Adds a body to 404 and 405, which routing returns without one.</summary>
    private Task ExplainAsync(HttpContext context)
    {
        var response = context.Response;
        if (response.HasStarted || response.ContentLength is not null || response.ContentType is not null)
        {
            return Task.CompletedTask;
        }

        var text = response.StatusCode switch
        {
            StatusCodes.Status404NotFound => NotFound,
            StatusCodes.Status405MethodNotAllowed => NotAllowed,
            _ => null,
        };
        if (text is null)
        {
            return Task.CompletedTask;
        }

        response.ContentType = "text/plain; charset=utf-8";
        response.Headers.XContentTypeOptions = "nosniff";
        return response.WriteAsync(text + "\n", context.RequestAborted);
    }
}
