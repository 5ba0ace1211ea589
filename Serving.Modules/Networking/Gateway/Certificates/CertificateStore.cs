using System.Net.Security;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Certificates;
using Serving.Kubernetes;
using Serving.Kubernetes.Informers;
using Serving.Networking.Gateway.Routing;

namespace Serving.Networking.Gateway.Certificates;

/// <summary>
/// The certificates of hosts, selected by the server name of the handshake, from the Secrets that Ingresses refer to. A renewed certificate
/// is used at once. Invariant: while an Ingress refers to a Secret, its last valid certificate is used, even if the Secret is deleted or
/// becomes invalid.
/// </summary>
internal sealed partial class CertificateStore : IDisposable
{
    private readonly IInformer<Secret> _secrets;
    private readonly ILogger _logger;
    private readonly IDisposable _registration;
    private readonly IDisposable _expiry;
    private readonly Lock _gate = new();

    // By resourceVersion of the Secret that was read; "" when it was deleted.
    private readonly Dictionary<ObjectKey, (string Version, SslStreamCertificateContext? Context)> _loaded = [];
    private IReadOnlyList<TlsHost> _hosts = [];
    private HashSet<ObjectKey> _named = [];
    private Dictionary<string, SslStreamCertificateContext> _byHost = new(StringComparer.OrdinalIgnoreCase);

    public CertificateStore(IInformer<Secret> secrets, ILogger logger)
    {
        _secrets = secrets;
        _logger = logger;
        _registration = secrets.AddHandler(change => OnSecret(change.Key));
        _expiry = ServedCertificates.Follow(Served);
    }

    /// <summary>Completes when the cache of Secrets has synced.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellation) => _secrets.WaitForSyncAsync(cancellation);

    public void Dispose()
    {
        _expiry.Dispose();
        _registration.Dispose();
    }

    /// <summary>The certificate for a server name; null if no Ingress has one.</summary>
    public SslStreamCertificateContext? Find(string? serverName)
    {
        if (string.IsNullOrEmpty(serverName))
        {
            return null;
        }

        var current = Volatile.Read(ref _byHost);
        if (current.TryGetValue(serverName, out var context))
        {
            return context;
        }

        var dot = serverName.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && current.TryGetValue("*" + serverName[dot..], out context) ? context : null;
    }

    /// <summary>Applies the hosts of a new table, which has the same list when none of them changed.</summary>
    public void Update(IReadOnlyList<TlsHost> next)
    {
        lock (_gate)
        {
            if (!ReferenceEquals(next, _hosts))
            {
                _hosts = next;
                _named = [.. next.Select(static host => host.Secret)];
                Rebuild();
            }
        }
    }

    private List<ServedCertificate> Served()
    {
        lock (_gate)
        {
            return
            [
                .. _loaded
                    .Where(static one => one.Value.Context is not null)
                    .Select(static one => new ServedCertificate(
                        ServedCertificates.Gateway,
                        one.Key.Namespace,
                        one.Key.Name,
                        CertificatePem.NotAfter(one.Value.Context!)
                    )),
            ];
        }
    }

    private void OnSecret(ObjectKey key)
    {
        lock (_gate)
        {
            if (_named.Contains(key))
            {
                Rebuild();
            }
        }
    }

    private void Rebuild()
    {
        var next = new Dictionary<string, SslStreamCertificateContext>(StringComparer.OrdinalIgnoreCase);
        foreach (var host in _hosts)
        {
            if (Load(host.Secret) is { } context)
            {
                next.TryAdd(host.Host, context);
            }
        }

        Volatile.Write(ref _byHost, next);
        foreach (var key in _loaded.Keys.Where(key => !_named.Contains(key)).ToList())
        {
            _loaded.Remove(key);
        }
    }

    private SslStreamCertificateContext? Load(ObjectKey key)
    {
        var known = _loaded.GetValueOrDefault(key);
        var secret = _secrets.Lister.Get(key.Namespace, key.Name);
        var version = secret?.Metadata.ResourceVersion ?? "";
        if (known.Version == version || (secret is null && known.Version is null))
        {
            return known.Context;
        }

        var context = secret is null ? null : Read(key, secret);
        if (context is null && known.Context is not null)
        {
            LogKept(_logger, key, secret is null ? "was deleted" : "contains no valid certificate");
        }

        context ??= known.Context;
        _loaded[key] = (version, context);
        return context;
    }

    private SslStreamCertificateContext? Read(ObjectKey key, Secret secret)
    {
        try
        {
            return CertificatePem.Read(secret);
        }
        catch (CryptographicException error)
        {
            LogInvalid(_logger, key, error.Message);
            return null;
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The certificate in Secret {Secret} is invalid: {Reason}")]
    private static partial void LogInvalid(ILogger logger, ObjectKey secret, string reason);

    [LoggerMessage(
        2,
        LogLevel.Warning,
        "Secret {Secret} {What}. Its hosts keep the previous certificate until the Secret contains a valid one."
    )]
    private static partial void LogKept(ILogger logger, ObjectKey secret, string what);
}
