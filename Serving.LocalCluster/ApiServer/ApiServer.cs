using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serving.LocalCluster.ApiServer.Admission;
using Serving.LocalCluster.ApiServer.Audit;
using Serving.LocalCluster.ApiServer.CustomResources;
using Serving.LocalCluster.ApiServer.Discovery;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Security;
using Serving.LocalCluster.ApiServer.Security.Rbac;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer;

/// <summary>
/// A Kubernetes-compatible API server in this process: HTTPS on loopback, objects are stored in the data directory. It covers storage,
/// admission, watches and discovery as kube-apiserver does; controllers and nodes are its clients.
/// </summary>
public sealed class ApiServer : IAsyncDisposable
{
    /// <summary>The largest request body, in bytes: kube-apiserver's own limit.</summary>
    internal const int MaxBodyBytes = 3 * 1024 * 1024;

    private readonly WebApplication _app;
    private readonly ObjectStore _store;
    private readonly StateDatabase _database;
    private readonly WebhookClient _webhooks;
    private readonly AuditLog? _audit;
    private readonly CancellationTokenSource _stopping;
    private int _disposed;

    private ApiServer(
        WebApplication app,
        ObjectStore store,
        StateDatabase database,
        WebhookClient webhooks,
        AuditLog? audit,
        CancellationTokenSource stopping,
        Uri address,
        ServerIdentity identity
    )
    {
        _app = app;
        _store = store;
        _database = database;
        _webhooks = webhooks;
        _audit = audit;
        _stopping = stopping;
        Address = address;
        KubeconfigPath = identity.KubeconfigPath;
        CertificateAuthority = identity.CertificateAuthorityPem;
        Token = identity.Token;
    }

    /// <summary>The URL of the server, such as <c>https://127.0.0.1:6443</c>.</summary>
    public Uri Address { get; }

    /// <summary>The path of its kubeconfig, readable only by its owner.</summary>
    public string KubeconfigPath { get; }

    /// <summary>The CA certificate, in PEM: stable over restarts with the same data directory.</summary>
    public string CertificateAuthority { get; }

    /// <summary>The administrator's bearer token: stable over restarts with the same data directory.</summary>
    public string Token { get; }

    /// <summary>Starts a server and returns when it accepts requests.</summary>
    /// <exception cref="IOException">The port is in use (the message names its holder), or the files on disk are unusable.</exception>
    public static async Task<ApiServer> StartAsync(
        ApiServerOptions options,
        ILoggerFactory loggers,
        TimeProvider time,
        CancellationToken cancellation
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggers);
        ArgumentNullException.ThrowIfNull(time);
        Directory.CreateDirectory(options.DataDirectory);
        if (options.Port != 0)
            PortHolder.ThrowIfTaken(options.Address, options.Port);

        var identity = ServerIdentity.LoadOrCreate(options.DataDirectory, options.Address, time);
        var database = StateDatabase.Open(Path.Combine(options.DataDirectory, "state.db"), loggers, time);
        var stopping = new CancellationTokenSource();
        ObjectStore? store = null;
        WebApplication? app = null;
        WebhookClient? webhooks = null;
        AuditLog? audit = null;
        try
        {
            var registry = new ResourceRegistry(BuiltInKinds.Load(options.ServesPodResize ? "" : PodResize.Subresource));
            store = new ObjectStore(database, time);
            webhooks = new WebhookClient(store, registry);
            var authorizer = new RbacAuthorizer(store);
            var tokens = new TokenIssuer(identity, time);
            var authenticator = new Authenticator(identity, tokens, store);
            var admission = new AdmissionChain(store, registry, webhooks, loggers.CreateLogger<AdmissionChain>());
            var writer = new ResourceWriter(store, admission, new EscalationCheck(authorizer));
            var subresources = new SubresourceHandler(
                store,
                writer,
                new ResourceDeleter(store, admission),
                tokens,
                new PodLogs(options.DataDirectory, store)
            );
            var resources = new ResourceHandler(
                store,
                registry,
                admission,
                writer,
                subresources,
                new ReviewHandler(authenticator, authorizer),
                authorizer
            );
            new CustomResourceController(store, registry, resources, time, loggers.CreateLogger<CustomResourceController>()).Start();
            resources.CreateSystemObjects();
            DefaultPolicy.Ensure(store);
            await new ClusterRoleAggregation(store, registry, writer, loggers.CreateLogger<ClusterRoleAggregation>()).StartAsync();
            var front = new RequestPipeline(
                authenticator,
                authorizer,
                resources,
                new DiscoveryHandler(registry),
                new OpenApiHandler(registry),
                store,
                new HealthHandler(store, options.Readiness),
                loggers.CreateLogger<RequestPipeline>(),
                stopping.Token
            );
            app = Build(options, loggers, identity);
            audit = options.AuditLog is { } path ? AuditLog.Open(path, time) : null;
            app.Run(audit is null ? front.HandleAsync : context => audit.HandleAsync(context, front.HandleAsync));
            await StartListeningAsync(app, options, cancellation);
            var port = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
            var host = options.Address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{options.Address}]" : options.Address.ToString();
            var address = new Uri($"https://{host}:{port}");
            identity.WriteKubeconfigs(address);
            resources.PublishOwnEndpoints(options.Address, port);
            return new ApiServer(app, store, database, webhooks, audit, stopping, address, identity);
        }
        catch
        {
            if (app is not null)
                await app.DisposeAsync();
            webhooks?.Dispose();
            audit?.Dispose();
            await database.DisposeAsync();
            stopping.Dispose();
            throw;
        }
    }

    /// <summary>Ends the watches, stops listening and writes pending changes to disk.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await _stopping.CancelAsync();
        _store.CloseWatchers();
        using (var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(5)))
            await _app.StopAsync(deadline.Token);
        await _app.DisposeAsync();
        _webhooks.Dispose();
        _audit?.Dispose();
        await _database.DisposeAsync();
        _stopping.Dispose();
    }

    private static WebApplication Build(ApiServerOptions options, ILoggerFactory loggers, ServerIdentity identity)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = options.DataDirectory });
        builder.Services.AddSingleton(loggers);
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBodyBytes;
            kestrel.Limits.MaxResponseBufferSize = 1 << 20;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MaxConcurrentConnections = 1000;
            kestrel.Limits.Http2.MaxStreamsPerConnection = 1000;
            kestrel.Limits.Http2.InitialConnectionWindowSize = 1 << 20;
            kestrel.Limits.Http2.InitialStreamWindowSize = 1 << 20;
            kestrel.Listen(
                options.Address,
                options.Port,
                endpoint =>
                {
                    endpoint.Protocols = HttpProtocols.Http1AndHttp2;
                    endpoint.UseHttps(identity.Configure);
                }
            );
        });
        return builder.Build();
    }

    private static async Task StartListeningAsync(WebApplication app, ApiServerOptions options, CancellationToken cancellation)
    {
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (IOException exception) when (exception.InnerException is Microsoft.AspNetCore.Connections.AddressInUseException)
        {
            throw new IOException(PortHolder.Describe(options.Address, options.Port), exception);
        }
    }
}
