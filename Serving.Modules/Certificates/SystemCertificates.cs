using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Kubernetes;

namespace Serving.Certificates;

/// <summary>
/// What the parts of the system know each other by when they talk TLS: the certificate of the Secret <c>routing-serving-certs</c>, and the
/// authorities of its <c>ca.crt</c> and of the ConfigMaps that are marked as trust bundles. All of it is made by others (cert-manager, trust-manager),
/// may come late and changes at any time. Invariant: a Secret that is deleted, empty or cannot be read leaves the last certificate and its authority
/// in use until there is a new one.
/// </summary>
public sealed partial class SystemCertificates : IDisposable
{
    /// <summary>The name of the Secret in the system namespace.</summary>
    public const string SecretName = "routing-serving-certs";

    private const string AuthorityEntry = "ca.crt";

    private readonly string ns;
    private readonly ILogger logger;
    private readonly IInformer<Secret> secrets;
    private readonly IInformer<ConfigMap> bundles;
    private readonly IDisposable[] registrations;
    private readonly Lock gate = new();
    private SslStreamCertificateContext? certificate;
    private readonly TrustedAuthorities authorities;
    private string secretAuthority = "";
    private int refused;

    /// <param name="informers">Gives that Secret and the ConfigMaps of the system namespace.</param>
    /// <param name="systemNamespace">Its name.</param>
    /// <param name="logger">Where it is said what cannot be used.</param>
    public SystemCertificates(IInformers informers, string systemNamespace, ILogger<SystemCertificates> logger)
    {
        ArgumentNullException.ThrowIfNull(informers);
        ns = systemNamespace;
        this.logger = logger;
        authorities = new TrustedAuthorities(logger);
        secrets = informers.ForOne(Resources.Secrets, ns, SecretName);
        bundles = informers.For(Resources.ConfigMaps, ns);
        registrations = [secrets.AddHandler(OnSecret), bundles.AddHandler(OnBundle)];
    }

    /// <summary>The authorities that are trusted; the same collection until they change.</summary>
    public X509Certificate2Collection Roots => authorities.Current;

    /// <summary>The certificate to serve with, whatever name is asked for; null while there is none, which is said once.</summary>
    public SslStreamCertificateContext? Find(string? serverName)
    {
        var current = Volatile.Read(ref certificate);
        if (current is null && Interlocked.Exchange(ref refused, 1) == 0)
        {
            LogNoCertificate(logger, ns, SecretName);
        }

        return current;
    }

    /// <summary>Completes when the Secret and the ConfigMaps are known.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellation) => Task.WhenAll(secrets.WaitForSyncAsync(cancellation), bundles.WaitForSyncAsync(cancellation));

    /// <summary>Stops following them.</summary>
    public void Dispose()
    {
        foreach (var registration in registrations)
        {
            registration.Dispose();
        }
    }

    private void OnSecret(Change<Secret> change)
    {
        if (change.Key.Name != SecretName)
        {
            return;
        }

        lock (gate)
        {
            if (change.New is { Data.Count: > 0 } secret)
            {
                Take(secret);
            }
            else if (certificate is not null)
            {
                LogKept(logger, ns, SecretName, change.New is null ? "was deleted" : "is empty");
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

        lock (gate)
        {
            Trust();
        }
    }

    private static bool IsBundle(ConfigMap? map) => map?.Metadata.Labels.ContainsKey(NetworkingKeys.TrustBundle) == true;

    // One whole: an authority is not taken over while the certificate beside it cannot be used, for it need not have issued the one that stays.
    private void Take(Secret secret)
    {
        var authority = secret.Data!.TryGetValue(AuthorityEntry, out var bytes) ? Encoding.ASCII.GetString(bytes) : "";
        try
        {
            Volatile.Write(ref certificate, CertificatePem.Read(secret));
            Volatile.Write(ref refused, 0);
            secretAuthority = authority;
            LogServing(logger, ns, SecretName);
        }
        catch (CryptographicException wrong)
        {
            LogUnreadable(logger, ns, SecretName, wrong.Message);
            if (certificate is null)
            {
                secretAuthority = authority;
            }
        }
    }

    private void Trust()
    {
        var texts = new List<(string Source, string Text)>();
        if (secretAuthority.Length > 0)
        {
            texts.Add(($"Secret {SecretName}, {AuthorityEntry}", secretAuthority));
        }

        texts.AddRange(bundles.Lister.List(ns).Where(IsBundle)
            .OrderBy(static map => map.Metadata.Name, StringComparer.Ordinal)
            .SelectMany(static map => map.Data.OrderBy(static entry => entry.Key, StringComparer.Ordinal)
                .Select(entry => ($"ConfigMap {map.Metadata.Name}, {entry.Key}", entry.Value))));
        authorities.Update(texts);
    }

    [LoggerMessage(1, LogLevel.Warning, "A TLS client of port 8112 was refused, as others will be: there is no certificate in Secret {Namespace}/{Name} yet.")]
    private static partial void LogNoCertificate(ILogger logger, string @namespace, string name);

    [LoggerMessage(2, LogLevel.Information, "Port 8112 serves with the certificate of Secret {Namespace}/{Name}.")]
    private static partial void LogServing(ILogger logger, string @namespace, string name);

    [LoggerMessage(3, LogLevel.Warning, "The certificate in Secret {Namespace}/{Name} cannot be used, the one before stays: {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string @namespace, string name, string reason);

    [LoggerMessage(6, LogLevel.Warning, "Secret {Namespace}/{Name} {What}. The certificate and the authority that it had stay in use until it has others.")]
    private static partial void LogKept(ILogger logger, string @namespace, string name, string what);
}
