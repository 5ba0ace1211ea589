using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Api;
using Serving.Api.Core;
using Serving.ConfigMaps;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Support;
using Serving.Webhook;

namespace Serving.Tests.Webhook;

/// <summary>A replica of the webhook over an in-memory cluster that has its configurations installed.</summary>
internal sealed class AdmissionReplica : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly InMemoryCluster _cluster;
    private readonly ConfigStore _config;
    private readonly TimeProvider _time;
    private readonly Task _running;
    private readonly ServedPorts _ports;

    private AdmissionReplica(InMemoryCluster cluster, TimeProvider time, ConfigStore config, WebhookModule module, ServedPorts ports)
    {
        _cluster = cluster;
        _time = time;
        _config = config;
        _ports = ports;
        Module = module;
        _running = module.RunAsync(cluster, _stop.Token);
    }

    public static async Task<AdmissionReplica> StartAsync(InMemoryCluster cluster, TimeProvider time, Uri? url = null)
    {
        var environment = new ClusterEnvironment("knative-serving", "cluster.local", "pod", IPAddress.Loopback);
        var config = new ConfigStore(cluster, environment, NullLogger<ConfigStore>.Instance, new NoEvents());
        var module = new WebhookModule(
            new(IPAddress.Loopback, 0) { Url = url },
            environment,
            cluster,
            config,
            NullLoggerFactory.Instance,
            time
        );
        return new AdmissionReplica(cluster, time, config, module, await ServedPorts.StartAsync(module.Port));
    }

    public WebhookModule Module { get; }

    /// <summary>A cluster with the namespace and the webhook configurations, as installed.</summary>
    public static InMemoryCluster Install()
    {
        var cluster = new InMemoryCluster();
        cluster.Put(
            Resources.Namespaces,
            new Namespace
            {
                ApiVersion = "v1",
                Kind = "Namespace",
                Metadata = new() { Name = "knative-serving", Uid = "the-uid" },
            }
        );
        foreach (var entry in WebhookRegistration.Entries)
        {
            using var webhook = JsonDocument.Parse(
                $$"""{"name":"{{entry.Name}}","clientConfig":{"service":{"name":"webhook","namespace":"knative-serving"} },"failurePolicy":"Fail"}"""
            );
            cluster.Put(
                entry.Resource,
                new WebhookConfiguration
                {
                    ApiVersion = entry.Resource.ApiVersion,
                    Kind = entry.Resource.Kind,
                    Metadata = new()
                    {
                        Name = entry.Name,
                        Labels = new Dictionary<string, string> { ["app.kubernetes.io/name"] = "knative-serving" },
                    },
                    Webhooks = [webhook.RootElement.Clone()],
                }
            );
        }

        return cluster;
    }

    /// <summary>The <c>clientConfig</c> of every webhook configuration.</summary>
    public static IReadOnlyList<JsonElement> Targets(InMemoryCluster cluster) =>
        [
            .. WebhookRegistration.Entries.Select(entry =>
                cluster.Find(entry.Resource, null, entry.Name)!.Webhooks.Single().GetProperty("clientConfig")
            ),
        ];

    /// <summary>Waits until it is ready.</summary>
    public Task ReadyAsync() =>
        Eventually.HoldsAsync(
            () =>
            {
                if (Module.NotReadyReason is { } reason)
                {
                    throw new InvalidOperationException(reason);
                }
            },
            TimeSpan.FromSeconds(30)
        );

    /// <summary>The thumbprint of the certificate used for a new connection; throws when the registered CA bundle does not trust it for the
    /// name.</summary>
    public async Task<string> HandshakeAsync(string name)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(Module.Port.EndPoint!);
        var seen = "";
        await using var tls = new SslStream(
            socket.GetStream(),
            leaveInnerStreamOpen: false,
            (_, certificate, _, _) =>
            {
                using var served = new X509Certificate2(certificate!);
                seen = served.Thumbprint;
                return IsTrusted(served, name);
            }
        );
        await tls.AuthenticateAsClientAsync(name);
        return seen;
    }

    private bool IsTrusted(X509Certificate2 served, string name)
    {
        using var chain = new X509Chain();
        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(System.Text.Encoding.UTF8.GetString(Targets(_cluster)[0].GetProperty("caBundle").GetBytesFromBase64()));
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationTime = _time.GetUtcNow().UtcDateTime;
        chain.ChainPolicy.CustomTrustStore.AddRange(roots);
        return chain.Build(served) && served.MatchesHostname(name);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _ports.DisposeAsync();
        Module.Dispose();
        _config.Dispose();
        _stop.Dispose();
    }

    private sealed class NoEvents : IEventRecorder
    {
        public void Normal(IKubernetesObject about, string reason, string message) { }

        public void Warning(IKubernetesObject about, string reason, string message) { }
    }
}
