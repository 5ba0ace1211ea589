using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Kubernetes.Informers;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Istio.DataPlane;

/// <summary>
/// A small stand-in for the gateway pods of Istio: it serves what Gateways, VirtualServices and Secrets of a cluster say, by Istio's rules,
/// so that an object with a mistake fails a request. Hosts of a VirtualService are exact; the first route that matches counts; weights are
/// honoured in turn, so that shares are exact.
/// </summary>
internal sealed class IstioStandIn : IAsyncDisposable
{
    /// <summary>The ports of Gateway servers that it listens to.</summary>
    public static readonly int[] Ports = [80, 443, 8081, 8444];

    private const string PodNamespace = "istio-system";
    private readonly ILister<IstioGateway> _gateways;
    private readonly ILister<Secret> _secrets;
    private readonly IInformer<IstioVirtualService> _virtualServices;
    private readonly HttpMessageInvoker _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false });
    private readonly Dictionary<string, IPEndPoint> _services = [];
    private readonly Dictionary<string, int> _turns = [];
    private IReadOnlyList<IstioVirtualService>? _frozen;
    private WebApplication _pod = null!;

    public IstioStandIn(InMemoryCluster cluster)
    {
        _gateways = cluster.For(IstioResources.Gateways).Lister;
        _secrets = cluster.For(Resources.Secrets).Lister;
        _virtualServices = cluster.For(IstioResources.VirtualServices);
    }

    /// <summary>Where it listens for a port of Gateway servers.</summary>
    public IPEndPoint At(int port) => new(IPAddress.Loopback, new Uri(_pod.Urls.ElementAt(Array.IndexOf(Ports, port))).Port);

    /// <summary>Where the Service of this host name leads.</summary>
    public void Resolve(string host, IPEndPoint address) => _services[host] = address;

    /// <summary>Whether it ignores changes of VirtualServices, as a gateway does that has not heard of them yet.</summary>
    public bool IsBehind
    {
        set => _frozen = value ? _virtualServices.Lister.List() : null;
    }

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            foreach (var port in Ports)
            {
                kestrel.Listen(
                    IPAddress.Loopback,
                    0,
                    listener =>
                    {
                        if (port is 443 or 8444)
                        {
                            listener.UseHttps(https => https.ServerCertificateSelector = (_, name) => CertificateFor(port, name ?? ""));
                        }
                    }
                );
            }
        });
        _pod = builder.Build();
        _pod.Run(ServeAsync);
        await _pod.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _pod.DisposeAsync();
        _http.Dispose();
    }

    private static bool Has(IEnumerable<string> hosts, string host) =>
        hosts.Any(candidate =>
            candidate == "*"
            || candidate == host
            || (candidate.StartsWith("*.", StringComparison.Ordinal) && host.EndsWith(candidate[1..], StringComparison.Ordinal))
        );

    private static bool Matches(IstioStringMatch? match, string value) =>
        match is null
        || (match.Exact is { } exact && value == exact)
        || (match.Prefix is { } prefix && value.StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>The servers of a port and host with the Gateways that have them.</summary>
    private IEnumerable<(string Gateway, IstioServer Server)> Servers(int port, string host) =>
        _gateways
            .List()
            .Where(static gateway => gateway.Spec.Selector.GetValueOrDefault("istio") == "ingressgateway")
            .SelectMany(static gateway =>
                gateway.Spec.Servers.Select(server => (Gateway: $"{gateway.Metadata.Namespace}/{gateway.Metadata.Name}", Server: server))
            )
            .Where(candidate => candidate.Server.Port.Number == port && Has(candidate.Server.Hosts, host));

    private X509Certificate2? CertificateFor(int port, string host)
    {
        var server = Servers(port, host).FirstOrDefault(static candidate => candidate.Server.Tls?.Mode == "SIMPLE").Server;
        if (server is null || _secrets.Get(PodNamespace, server.Tls!.CredentialName) is not { Data: { } data })
        {
            return null;
        }

        using var pem = X509Certificate2.CreateFromPem(
            Encoding.ASCII.GetString(data["tls.crt"]),
            Encoding.ASCII.GetString(data["tls.key"])
        );
        return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
    }

    private async Task ServeAsync(HttpContext context)
    {
        var port = Ports[Array.FindIndex(Ports, candidate => At(candidate).Port == context.Connection.LocalPort)];
        var host = context.Request.Host.Host;
        var servers = Servers(port, host).ToList();
        if (servers.Exists(static candidate => candidate.Server.Tls?.HttpsRedirect == true))
        {
            context.Response.Redirect($"https://{host}{context.Request.Path}", permanent: true);
            return;
        }

        var route = (_frozen ?? _virtualServices.Lister.List())
            .Where(service => service.Spec.Hosts.Contains(host))
            .SelectMany(static service => service.Spec.Http.Select(http => (service.Spec, http)))
            .FirstOrDefault(candidate =>
                servers.Exists(server => candidate.Spec.Gateways.Contains(server.Gateway))
                && candidate.http.Match.Any(match => Meets(context.Request, match, servers.Select(static server => server.Gateway)))
            )
            .http;
        if (route is null)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        await ForwardAsync(context, route, Choose(route));
    }

    private static bool Meets(HttpRequest request, IstioHttpMatch match, IEnumerable<string> gateways) =>
        match.Gateways.Intersect(gateways).Any()
        && Matches(match.Authority, request.Host.Value!)
        && Matches(match.Uri, request.Path)
        && (match.Headers ?? new Dictionary<string, IstioStringMatch>()).All(header =>
            Matches(header.Value, request.Headers[header.Key].ToString())
        );

    private IstioRouteDestination Choose(IstioHttpRoute route)
    {
        if (route.Route.Count == 1)
        {
            return route.Route[0];
        }

        var total = route.Route.Sum(static destination => destination.Weight ?? 0);
        lock (_turns)
        {
            var key = string.Join(",", route.Route.Select(static destination => $"{destination.Destination.Host}={destination.Weight}"));
            var turn = _turns[key] = _turns.GetValueOrDefault(key) + 1;
            var point = turn % total;
            return route.Route.First(destination => (point -= destination.Weight ?? 0) < 0);
        }
    }

    private async Task ForwardAsync(HttpContext context, IstioHttpRoute route, IstioRouteDestination chosen)
    {
        if (!_services.TryGetValue(chosen.Destination.Host, out var address))
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        using var request = new HttpRequestMessage(
            new HttpMethod(context.Request.Method),
            $"http://{address}{context.Request.Path}{context.Request.QueryString}"
        );
        foreach (var (name, value) in context.Request.Headers.Where(static header => header.Key != "Host"))
        {
            request.Headers.TryAddWithoutValidation(name, value.AsEnumerable());
        }

        request.Headers.Host = route.Rewrite?.Authority is { Length: > 0 } authority ? authority : context.Request.Host.Value;
        foreach (var (name, value) in Set(route.Headers).Concat(Set(chosen.Headers)))
        {
            request.Headers.Remove(name);
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var response = await _http.SendAsync(request, context.RequestAborted);
        context.Response.StatusCode = (int)response.StatusCode;
        foreach (var (name, values) in response.Headers.Where(static header => header.Key.StartsWith("K-", StringComparison.Ordinal)))
        {
            context.Response.Headers[name] = string.Join(",", values);
        }

        await response.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
    }

    private static IReadOnlyDictionary<string, string> Set(IstioHeaders? headers) =>
        headers?.Request?.Set ?? new Dictionary<string, string>();
}
