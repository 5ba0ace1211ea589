using System.Net.Security;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Certificates;
using Serving.Kubernetes;
using Serving.Networking.Gateway.Routing;

namespace Serving.Networking.Gateway.Certificates;

/// <summary>The certificates of hosts, by the server name of the handshake, from the Secrets that Ingresses name. A renewed one is used at once.</summary>
internal sealed partial class CertificateStore : IDisposable
{
    private readonly IInformer<Secret> secrets;
    private readonly ILogger logger;
    private readonly IDisposable registration;
    private readonly Lock gate = new();
    private readonly Dictionary<ObjectKey, (string Version, SslStreamCertificateContext? Context)> loaded = [];
    private IReadOnlyList<TlsHost> hosts = [];
    private Dictionary<string, SslStreamCertificateContext> byHost = new(StringComparer.OrdinalIgnoreCase);

    public CertificateStore(IInformer<Secret> secrets, ILogger logger)
    {
        this.secrets = secrets;
        this.logger = logger;
        registration = secrets.AddHandler(change => OnSecret(change.Key));
    }

    /// <summary>Completes when the Secrets are known.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellation) => secrets.WaitForSyncAsync(cancellation);

    public void Dispose() => registration.Dispose();

    /// <summary>The certificate for a server name; null when no Ingress has one.</summary>
    public SslStreamCertificateContext? Find(string? serverName)
    {
        if (string.IsNullOrEmpty(serverName))
        {
            return null;
        }

        var current = Volatile.Read(ref byHost);
        if (current.TryGetValue(serverName, out var context))
        {
            return context;
        }

        var dot = serverName.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && current.TryGetValue("*" + serverName[dot..], out context) ? context : null;
    }

    /// <summary>Takes over the hosts of a new table.</summary>
    public void Update(IReadOnlyList<TlsHost> next)
    {
        lock (gate)
        {
            hosts = next;
            Rebuild();
        }
    }

    private void OnSecret(ObjectKey key)
    {
        lock (gate)
        {
            if (hosts.Any(host => host.Secret == key))
            {
                Rebuild();
            }
        }
    }

    private void Rebuild()
    {
        var next = new Dictionary<string, SslStreamCertificateContext>(StringComparer.OrdinalIgnoreCase);
        foreach (var host in hosts)
        {
            if (Load(host.Secret) is { } context)
            {
                next.TryAdd(host.Host, context);
            }
        }

        Volatile.Write(ref byHost, next);
        var named = hosts.Select(static host => host.Secret).ToHashSet();
        foreach (var key in loaded.Keys.Where(key => !named.Contains(key)).ToList())
        {
            loaded.Remove(key);
        }
    }

    private SslStreamCertificateContext? Load(ObjectKey key)
    {
        if (secrets.Lister.Get(key.Namespace, key.Name) is not { } secret)
        {
            return null;
        }

        if (loaded.TryGetValue(key, out var known) && known.Version == secret.Metadata.ResourceVersion)
        {
            return known.Context;
        }

        SslStreamCertificateContext? context = null;
        try
        {
            context = CertificatePem.Read(secret);
        }
        catch (CryptographicException error)
        {
            LogInvalid(logger, key, error.Message);
        }

        loaded[key] = (secret.Metadata.ResourceVersion, context);
        return context;
    }

    [LoggerMessage(1, LogLevel.Warning, "The certificate in Secret {Secret} cannot be used: {Reason}")]
    private static partial void LogInvalid(ILogger logger, ObjectKey secret, string reason);
}
