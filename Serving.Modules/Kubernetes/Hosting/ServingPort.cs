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
/// A port of the process's application, with what is served there. Invariant: a connection belongs to the port that accepted it, whatever
/// its requests say in their Host header, so no port serves a path of another.
/// </summary>
public sealed class ServingPort
{
    private ListenOptions? _listener;
    private RequestDelegate? _requests;

    /// <param name="name">What it is for, as <c>health</c>.</param>
    /// <param name="address">Where it listens; port 0 takes any that is free. Null for one that is opened while the process runs.</param>
    public ServingPort(string name, IPEndPoint? address)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        (Name, Address) = (name, address);
    }

    /// <summary>What it is for.</summary>
    public string Name { get; }

    /// <summary>Where it is to listen.</summary>
    public IPEndPoint? Address { get; }

    /// <summary>Connections at once.</summary>
    public int MaxConnections { get; init; } = 100;

    /// <summary>The certificate, asked for at each handshake; null for clear text. Where there is none yet the handshake fails.</summary>
    public Func<SslStreamCertificateContext>? Certificate { get; init; }

    /// <summary>What a client reads that asks for a path which is not here.</summary>
    public string NotFound { get; init; } = "there is no such path here";

    /// <summary>What a client reads that asks for a path by the wrong method.</summary>
    public string NotAllowed { get; init; } = "this path does not take the method";

    /// <summary>Adds what is served: middleware and endpoints of this port alone.</summary>
    public required Action<IApplicationBuilder> Serve { get; init; }

    /// <summary>Where it listens, once started.</summary>
    public IPEndPoint? EndPoint => _listener?.IPEndPoint;

    /// <summary>Makes a listener one of this port.</summary>
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

    /// <summary>Builds what is served, in a pipeline and a routing table of its own.</summary>
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

    /// <summary>Serves a request by the port that its connection came to.</summary>
    internal static Task HandleAsync(HttpContext context) => context.Features.GetRequiredFeature<ServingPort>()._requests!(context);

    /// <summary>Routing refuses a path or a method without a word.</summary>
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
