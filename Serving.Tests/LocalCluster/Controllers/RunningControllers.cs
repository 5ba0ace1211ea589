using System.Collections.Concurrent;
using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Manifests;
using Serving.LocalCluster.ApiServer;
using Serving.LocalCluster.Controllers;
using Serving.Tests.Support;
using LocalApiServer = Serving.LocalCluster.ApiServer.ApiServer;

namespace Serving.Tests.LocalCluster.Controllers;

/// <summary>The embedded API server over HTTPS, the real client and informers, and the cluster's controllers. No node: pods are only
/// objects.</summary>
internal sealed class RunningControllers : ILoggerFactory, ILoggerProvider, IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("controllers-test-").FullName;
    private readonly CancellationTokenSource _stop = new();
    private LocalApiServer _server = null!;
    private Task _running = Task.CompletedTask;

    private RunningControllers() { }

    /// <summary>The API as the cluster's administrator.</summary>
    public ClusterClient Client { get; private set; } = null!;

    /// <summary>The kubeconfig for other clients.</summary>
    public string KubeconfigPath => _server.KubeconfigPath;

    /// <summary>Warnings and errors of informers and controllers so far.</summary>
    public ConcurrentQueue<string> Warnings { get; } = [];

    public static async Task<RunningControllers> StartAsync()
    {
        var cluster = new RunningControllers();
        cluster._server = await LocalApiServer.StartAsync(
            new ApiServerOptions(cluster._directory, IPAddress.Loopback, 0),
            cluster,
            TimeProvider.System,
            CancellationToken.None
        );
        cluster.Client = new ClusterClient(ClusterAccess.FromKubeconfig(cluster._server.KubeconfigPath));
        var informers = new SharedInformers(cluster.Client, cluster);
        var events = new EventRecorder("controllers", cluster.CreateLogger("events"));
        var controllers = new ClusterControllers(
            informers,
            new ResourceDiscovery(cluster.Client),
            events,
            cluster._server.CertificateAuthority,
            cluster,
            TimeProvider.System
        );
        var token = cluster._stop.Token;
        cluster._running = Task.WhenAll(
            informers.RunAsync(token),
            events.RunAsync(cluster.Client, token),
            controllers.RunAsync(cluster.Client, token)
        );
        await informers.WaitForSyncAsync(CancellationToken.None);
        return cluster;
    }

    /// <summary>Applies manifests in YAML.</summary>
    public Task<IReadOnlyList<Unstructured>> ApplyAsync(string yaml) =>
        new ManifestApplier(Client, new ResourceDiscovery(Client)).ApplyTextAsync("test", yaml, "test", CancellationToken.None);

    /// <summary>Creates all definitions of <c>deploy/crds</c>.</summary>
    public Task DefineKindsAsync() =>
        new ManifestApplier(Client, new ResourceDiscovery(Client)).ApplyPathsAsync(
            [Repository.PathOf("deploy", "crds")],
            "test",
            CancellationToken.None
        );

    /// <summary>An object, or null when it does not exist.</summary>
    public async Task<T?> FindAsync<T>(ResourceType<T> type, string name, string ns = "default")
        where T : class, IKubernetesObject
    {
        try
        {
            return await Client.GetAsync(type, type.Namespaced ? ns : null, name, CancellationToken.None);
        }
        catch (KubernetesException failure) when (failure.IsNotFound)
        {
            return null;
        }
    }

    /// <summary>The objects of a kind in a namespace.</summary>
    public async Task<IReadOnlyList<T>> ListAsync<T>(ResourceType<T> type, string ns = "default")
        where T : class, IKubernetesObject => (await Client.ListAsync(type, ns, null, CancellationToken.None)).Items;

    /// <summary>Deletes an object.</summary>
    public Task DeleteAsync<T>(ResourceType<T> type, string name, string? propagation = null, string ns = "default")
        where T : class, IKubernetesObject =>
        Client.DeleteAsync(type, type.Namespaced ? ns : null, name, CancellationToken.None, new DeleteOptions(propagation));

    public ILogger CreateLogger(string categoryName) => new Recorder(categoryName, Warnings);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose() { }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.WaitAsync(TimeSpan.FromSeconds(30)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Client.Dispose();
        await _server.DisposeAsync();
        _stop.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private sealed class Recorder(string category, ConcurrentQueue<string> warnings) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel,
            EventId eventId,
            TState state,
            Exception? exception,
            Func<TState, Exception?, string> formatter
        )
        {
            if (IsEnabled(logLevel))
            {
                warnings.Enqueue($"{category}: {formatter(state, exception)} {exception?.Message}");
            }
        }
    }
}
