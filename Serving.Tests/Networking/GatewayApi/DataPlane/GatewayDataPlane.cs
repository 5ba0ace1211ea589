using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Yarp.ReverseProxy.Forwarder;

namespace Serving.Tests.Networking.GatewayApi.DataPlane;

/// <summary>
/// A stand-in for an implementation of the Gateway API on loopback: two Gateways that serve what HTTPRoutes of a cluster say, and nothing
/// else. It knows the specification and no code of the module, so that a wrong object fails a request.
/// </summary>
internal sealed class GatewayDataPlane : IAsyncDisposable
{
    public static readonly ObjectName External = new("edge", "external");
    public static readonly ObjectName Local = new("edge", "local");

    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );
    private readonly SharedInformers _informers;
    private readonly IInformer<KubernetesGateway> _gateways;
    private readonly IInformer<ReferenceGrant> _grants;
    private readonly IInformer<CoreService> _services;
    private readonly IInformer<Endpoints> _endpoints;
    private readonly IInformer<Secret> _secrets;
    private readonly AttachedRoutes _routes;
    private readonly RouteStatusWriter _status;
    private readonly HttpMessageInvoker _http = new(NewHandler());
    private readonly List<Task> _running = [];
    private WebApplication? _server;

    public GatewayDataPlane(IKubernetesClient client)
    {
        _informers = new SharedInformers(client, NullLoggerFactory.Instance);
        var routes = Follow(GatewayApiResources.HttpRoutes);
        var namespaces = Follow(Resources.Namespaces);
        _gateways = Follow(GatewayApiResources.Gateways);
        _grants = Follow(GatewayApiResources.ReferenceGrants);
        _services = Follow(Resources.Services);
        _endpoints = Follow(Resources.Endpoints);
        _secrets = Follow(Resources.Secrets);
        _routes = new AttachedRoutes(routes.Lister, namespaces.Lister);
        _status = new RouteStatusWriter(client, routes.Lister, _gateways.Lister, _services.Lister, _routes);
    }

    /// <summary>Where the external Gateway listens for HTTP.</summary>
    public IPEndPoint ExternalHttp { get; private set; } = null!;

    /// <summary>Where the external Gateway listens for HTTPS.</summary>
    public IPEndPoint ExternalHttps { get; private set; } = null!;

    /// <summary>Where the cluster-local Gateway listens for HTTP.</summary>
    public IPEndPoint LocalHttp { get; private set; } = null!;

    /// <summary>Listens, and begins to follow the cluster.</summary>
    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddHttpForwarder();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http1AndHttp2);
            kestrel.Listen(
                IPAddress.Loopback,
                0,
                listen => listen.UseHttps(https => https.ServerCertificateSelector = (_, host) => CertificateOf(host))
            );
        });
        _server = builder.Build();
        _server.Run(ServeAsync);
        await _server.StartAsync();
        var ports = _server.Urls.Select(static url => new Uri(url).Port).ToList();
        (ExternalHttp, LocalHttp, ExternalHttps) = (At(ports[0]), At(ports[1]), At(ports[2]));
    }

    /// <summary>Follows the cluster; call it when the kinds exist.</summary>
    public void Follow()
    {
        _running.Add(Task.Run(() => _informers.RunAsync(_stop.Token)));
        _running.Add(Task.Run(WriteStatusAsync));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _http.Dispose();
        _stop.Dispose();
    }

    private static IPEndPoint At(int port) => new(IPAddress.Loopback, port);

    private static SocketsHttpHandler NewHandler() =>
        new()
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ActivityHeadersPropagator = null,
        };

    private IInformer<T> Follow<T>(ResourceType<T> type)
        where T : class, IKubernetesObject
    {
        var informer = _informers.For(type);
        informer.AddHandler(_ => _changed.Writer.TryWrite(true));
        return informer;
    }

    private async Task WriteStatusAsync()
    {
        try
        {
            await _informers.WaitForSyncAsync(_stop.Token);
            await foreach (var _ in _changed.Reader.ReadAllAsync(_stop.Token))
            {
                await _status.WriteAsync(_stop.Token);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The test is over.
        }
    }

    /// <summary>The certificate of the listener for a host, if the Gateway may read it.</summary>
    private X509Certificate2? CertificateOf(string? host)
    {
        if (
            _gateways.Lister.Get(External.Namespace, External.Name) is not { } gateway
            || AttachedRoutes.ListenerOf(gateway, "HTTPS", host ?? "") is not { Tls.CertificateRefs: [var reference] }
            || !MayRead(reference)
            || _secrets.Lister.Get(reference.Namespace, reference.Name) is not { } secret
        )
        {
            return null;
        }

        string Pem(string key) => Encoding.ASCII.GetString(secret.Data![key]);
        return X509Certificate2.CreateFromPem(Pem("tls.crt"), Pem("tls.key"));
    }

    private bool MayRead(GatewaySecretReference secret) =>
        secret.Namespace == External.Namespace
        || _grants
            .Lister.List(secret.Namespace)
            .Any(grant =>
                grant.Spec.From.Any(static from =>
                    from is { Kind: "Gateway", Group: GatewayApiResources.Group } && from.Namespace == External.Namespace
                ) && grant.Spec.To.Any(to => to is { Kind: "Secret", Group: "" } && (to.Name.Length == 0 || to.Name == secret.Name))
            );

    private async Task ServeAsync(HttpContext context)
    {
        var name = context.Connection.LocalPort == LocalHttp.Port ? Local : External;
        var (host, path) = (context.Request.Host.Host, context.Request.Path.Value ?? "/");
        if (
            _gateways.Lister.Get(name.Namespace, name.Name) is not { } gateway
            || AttachedRoutes.ListenerOf(gateway, context.Request.IsHttps ? "HTTPS" : "HTTP", host) is not { } listener
            || _routes.Find(gateway, listener, host, path, header => context.Request.Headers[header].FirstOrDefault())
                is not var (route, rule)
        )
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        if (rule.Filters.FirstOrDefault(static filter => filter.RequestRedirect is not null)?.RequestRedirect is { } redirect)
        {
            context.Response.StatusCode = redirect.StatusCode ?? StatusCodes.Status302Found;
            context.Response.Headers.Location = $"{redirect.Scheme}://{host}{path}{context.Request.QueryString}";
            return;
        }

        var backend = Pick(rule.BackendRefs);
        var pod = backend is null ? null : Resolve(backend.Namespace.Length == 0 ? route.Metadata.Namespace : backend.Namespace, backend);
        if (pod is not var (address, isHttp2))
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        await context
            .RequestServices.GetRequiredService<IHttpForwarder>()
            .SendAsync(
                context,
                $"http://{address}",
                _http,
                isHttp2
                    ? new ForwarderRequestConfig { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact }
                    : new ForwarderRequestConfig { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact },
                new Changes([.. rule.Filters, .. backend!.Filters])
            );
    }

    private static HttpBackendReference? Pick(IReadOnlyList<HttpBackendReference> backends)
    {
        var weights = backends.Sum(static backend => backend.Weight ?? 1);
        var point = weights == 0 ? 0 : Random.Shared.Next(weights);
        foreach (var backend in backends.Where(static backend => backend.Weight != 0))
        {
            point -= backend.Weight ?? 1;
            if (point < 0)
            {
                return backend;
            }
        }

        return null;
    }

    /// <summary>
    /// A pod behind the Service, and whether its port says that it speaks HTTP/2 without TLS. The name of a Service that stands for another
    /// leads to that.
    /// </summary>
    private (IPEndPoint Pod, bool IsHttp2)? Resolve(string ns, HttpBackendReference backend)
    {
        if (_services.Lister.Get(ns, backend.Name)?.Spec is not { } service)
        {
            return null;
        }

        if (service.Type == "ExternalName")
        {
            return service.ExternalName.Split('.') is [var name, var other, "svc", ..]
                ? Resolve(other, backend with { Name = name })
                : null;
        }

        if (service.Ports.FirstOrDefault(candidate => candidate.Port == backend.Port) is not { } port)
        {
            return null;
        }

        var found = (_endpoints.Lister.Get(ns, backend.Name)?.Subsets ?? [])
            .SelectMany(subset =>
                subset
                    .Ports.Where(candidate => candidate.Name == port.Name)
                    .SelectMany(candidate =>
                        subset.Addresses.Select(address => new IPEndPoint(IPAddress.Parse(address.Ip), candidate.Port!.Value))
                    )
            )
            .ToList();
        return found.Count == 0 ? null : (found[Random.Shared.Next(found.Count)], port.AppProtocol == "kubernetes.io/h2c");
    }

    /// <summary>What the filters of a rule and of its backend change.</summary>
    private sealed class Changes(IReadOnlyList<HttpRouteFilter> filters) : HttpTransformer
    {
        public override async ValueTask TransformRequestAsync(
            HttpContext httpContext,
            HttpRequestMessage proxyRequest,
            string destinationPrefix,
            CancellationToken cancellationToken
        )
        {
            await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
            proxyRequest.Headers.Host = httpContext.Request.Host.Value;
            foreach (var filter in filters)
            {
                foreach (var header in filter.RequestHeaderModifier?.Set ?? [])
                {
                    proxyRequest.Headers.Remove(header.Name);
                    proxyRequest.Headers.TryAddWithoutValidation(header.Name, header.Value);
                }

                if (filter.UrlRewrite is { Hostname.Length: > 0 } rewrite)
                {
                    proxyRequest.Headers.Host = rewrite.Hostname;
                }
            }
        }
    }
}
