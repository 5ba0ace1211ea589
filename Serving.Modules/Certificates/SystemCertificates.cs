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
/// may come late and changes at any time. Invariant: what cannot be read leaves the last certificate in use and adds no authority.
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
    private X509Certificate2Collection roots = [];
    private string rootsText = "";
    private int refused;

    /// <param name="informers">Gives that Secret and the ConfigMaps of the system namespace.</param>
    /// <param name="systemNamespace">Its name.</param>
    /// <param name="logger">Where it is said what cannot be used.</param>
    public SystemCertificates(IInformers informers, string systemNamespace, ILogger<SystemCertificates> logger)
    {
        ArgumentNullException.ThrowIfNull(informers);
        ns = systemNamespace;
        this.logger = logger;
        secrets = informers.ForOne(Resources.Secrets, ns, SecretName);
        bundles = informers.For(Resources.ConfigMaps, ns);
        registrations = [secrets.AddHandler(OnSecret), bundles.AddHandler(OnBundle)];
    }

    /// <summary>The authorities that are trusted; the same collection until they change.</summary>
    public X509Certificate2Collection Roots => Volatile.Read(ref roots);

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
                Serve(secret);
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

    private void Serve(Secret secret)
    {
        try
        {
            Volatile.Write(ref certificate, CertificatePem.Read(secret));
            Volatile.Write(ref refused, 0);
            LogServing(logger, ns, SecretName);
        }
        catch (CryptographicException wrong)
        {
            LogUnreadable(logger, ns, SecretName, wrong.Message);
        }
    }

    private void Trust()
    {
        var texts = new List<(string Source, string Text)>();
        if (secrets.Lister.Get(ns, SecretName)?.Data?.TryGetValue(AuthorityEntry, out var authority) == true && authority.Length > 0)
        {
            texts.Add(($"Secret {SecretName}, {AuthorityEntry}", Encoding.ASCII.GetString(authority)));
        }

        texts.AddRange(bundles.Lister.List(ns).Where(IsBundle)
            .OrderBy(static map => map.Metadata.Name, StringComparer.Ordinal)
            .SelectMany(static map => map.Data.OrderBy(static entry => entry.Key, StringComparer.Ordinal)
                .Select(entry => ($"ConfigMap {map.Metadata.Name}, {entry.Key}", entry.Value))));
        var text = string.Join('\n', texts.Select(static one => one.Text));
        if (text == rootsText)
        {
            return;
        }

        var next = new X509Certificate2Collection();
        foreach (var (source, pem) in texts)
        {
            Add(next, source, pem);
        }

        rootsText = text;
        Volatile.Write(ref roots, next);
        LogTrust(logger, next.Count);
    }

    private void Add(X509Certificate2Collection next, string source, string pem)
    {
        try
        {
            var read = new X509Certificate2Collection();
            read.ImportFromPem(pem);
            next.AddRange(read);
            if (read.Count == 0)
            {
                LogNoAuthority(logger, source, "it has no certificate");
            }
        }
        catch (CryptographicException wrong)
        {
            LogNoAuthority(logger, source, wrong.Message);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "A TLS client of port 8112 was refused, as others will be: there is no certificate in Secret {Namespace}/{Name} yet.")]
    private static partial void LogNoCertificate(ILogger logger, string @namespace, string name);

    [LoggerMessage(2, LogLevel.Information, "Port 8112 serves with the certificate of Secret {Namespace}/{Name}.")]
    private static partial void LogServing(ILogger logger, string @namespace, string name);

    [LoggerMessage(3, LogLevel.Warning, "The certificate in Secret {Namespace}/{Name} cannot be used, the one before stays: {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string @namespace, string name, string reason);

    [LoggerMessage(4, LogLevel.Information, "{Count} certificate authorities are trusted within the system.")]
    private static partial void LogTrust(ILogger logger, int count);

    [LoggerMessage(5, LogLevel.Warning, "No certificate authority could be taken from {Source}: {Reason}")]
    private static partial void LogNoAuthority(ILogger logger, string source, string reason);
}
