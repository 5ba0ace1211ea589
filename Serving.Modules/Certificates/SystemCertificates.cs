using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Informers;

namespace Serving.Certificates;

/// <summary>
/// The certificates for system-internal TLS: the certificate in the Secret <c>routing-serving-certs</c>, and the authorities in its
/// <c>ca.crt</c> and in the ConfigMaps labelled as trust bundles. Others (cert-manager, trust-manager) write them; they may arrive late and
/// change at any time. Invariant: if the Secret is deleted, empty or invalid, the last certificate and its authority stay in use until
/// there is a new one.
/// </summary>
public sealed partial class SystemCertificates : IDisposable
{
    /// <summary>The name of the Secret in the system namespace.</summary>
    public const string SecretName = "routing-serving-certs";

    private const string AuthorityEntry = "ca.crt";

    private readonly string _ns;
    private readonly ILogger _logger;
    private readonly IInformer<Secret> _secrets;
    private readonly IInformer<ConfigMap> _bundles;
    private readonly IDisposable[] _registrations;
    private readonly Lock _gate = new();
    private SslStreamCertificateContext? _certificate;
    private readonly TrustedAuthorities _authorities;
    private string _secretAuthority = "";
    private int _refused;

    /// <param name="informers">Provide the Secret and the ConfigMaps of the system namespace.</param>
    /// <param name="systemNamespace">The system namespace.</param>
    /// <param name="logger">Logs what is invalid.</param>
    public SystemCertificates(IInformers informers, string systemNamespace, ILogger<SystemCertificates> logger)
    {
        ArgumentNullException.ThrowIfNull(informers);
        _ns = systemNamespace;
        _logger = logger;
        _authorities = new TrustedAuthorities(logger);
        _secrets = informers.ForOne(Resources.Secrets, _ns, SecretName);
        _bundles = informers.For(Resources.ConfigMaps, _ns);
        _registrations = [_secrets.AddHandler(OnSecret), _bundles.AddHandler(OnBundle), ServedCertificates.Follow(Served)];
    }

    /// <summary>The trusted authorities; the same collection until they change.</summary>
    public X509Certificate2Collection Roots => _authorities.Current;

    /// <summary>The certificate for any server name; null while there is none, which is logged once.</summary>
    public SslStreamCertificateContext? Find(string? serverName)
    {
        var current = Volatile.Read(ref _certificate);
        if (current is null && Interlocked.Exchange(ref _refused, 1) == 0)
        {
            LogNoCertificate(_logger, _ns, SecretName);
        }

        return current;
    }

    /// <summary>Completes when the caches of the Secret and the ConfigMaps have synced.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellation) =>
        Task.WhenAll(_secrets.WaitForSyncAsync(cancellation), _bundles.WaitForSyncAsync(cancellation));

    /// <summary>Stops watching them.</summary>
    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }
    }

    private IEnumerable<ServedCertificate> Served() =>
        Volatile.Read(ref _certificate) is { } current
            ? [new(ServedCertificates.SystemInternal, _ns, SecretName, CertificatePem.NotAfter(current))]
            : [];

    private void OnSecret(Change<Secret> change)
    {
        if (change.Key.Name != SecretName)
        {
            return;
        }

        lock (_gate)
        {
            if (change.New is { Data.Count: > 0 } secret)
            {
                Take(secret);
            }
            else if (_certificate is not null)
            {
                LogKept(_logger, _ns, SecretName, change.New is null ? "was deleted" : "is empty");
            }

            Trust();
        }
    }

    private void OnBundle(Change<ConfigMap> change)
    {
        if (!IsBundle(change.Old) && !IsBundle(change.New))
        {
            return;
        }

        lock (_gate)
        {
            Trust();
        }
    }

    private static bool IsBundle(ConfigMap? map) => map?.Metadata.Labels.ContainsKey(NetworkingKeys.TrustBundle) == true;

    // All or nothing: if the certificate is invalid its authority is not applied either, because it may not have issued the certificate in
    // use.
    private void Take(Secret secret)
    {
        var authority = secret.Data!.TryGetValue(AuthorityEntry, out var bytes) ? Encoding.ASCII.GetString(bytes) : "";
        try
        {
            Volatile.Write(ref _certificate, CertificatePem.Read(secret));
            Volatile.Write(ref _refused, 0);
            _secretAuthority = authority;
            LogServing(_logger, _ns, SecretName);
        }
        catch (CryptographicException wrong)
        {
            LogUnreadable(_logger, _ns, SecretName, wrong.Message);
            if (_certificate is null)
            {
                _secretAuthority = authority;
            }
        }
    }

    private void Trust()
    {
        var texts = new List<(string Source, string Text)>();
        if (_secretAuthority.Length > 0)
        {
            texts.Add(($"Secret {SecretName}, {AuthorityEntry}", _secretAuthority));
        }

        texts.AddRange(
            _bundles
                .Lister.List(_ns)
                .Where(IsBundle)
                .OrderBy(static map => map.Metadata.Name, StringComparer.Ordinal)
                .SelectMany(static map =>
                    map.Data.OrderBy(static entry => entry.Key, StringComparer.Ordinal)
                        .Select(entry => ($"ConfigMap {map.Metadata.Name}, {entry.Key}", entry.Value))
                )
        );
        _authorities.Update(texts);
    }

    [LoggerMessage(1, LogLevel.Warning, "Port 8112 refuses TLS clients: Secret {Namespace}/{Name} contains no certificate yet.")]
    private static partial void LogNoCertificate(ILogger logger, string @namespace, string name);

    [LoggerMessage(2, LogLevel.Information, "Port 8112 uses the certificate in Secret {Namespace}/{Name}.")]
    private static partial void LogServing(ILogger logger, string @namespace, string name);

    [LoggerMessage(3, LogLevel.Warning, "The certificate in Secret {Namespace}/{Name} is invalid, the previous one stays in use: {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string @namespace, string name, string reason);

    [LoggerMessage(
        6,
        LogLevel.Warning,
        "Secret {Namespace}/{Name} {What}. Its previous certificate and authority stay in use until it contains new ones."
    )]
    private static partial void LogKept(ILogger logger, string @namespace, string name, string what);
}
