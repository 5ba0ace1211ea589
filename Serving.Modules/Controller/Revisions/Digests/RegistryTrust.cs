using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging;
using Serving.Concurrency.Sockets;

namespace Serving.Controller.Revisions.Digests;

/// <summary>
/// The certificate authorities that connections to registries trust: the system's (<c>SSL_CERT_FILE</c> and <c>SSL_CERT_DIR</c> override
/// their location) and the cluster's own, which signs certificates of registries in the cluster.
/// </summary>
public static class RegistryTrust
{
    /// <summary>The path of the cluster's CA certificates in a pod.</summary>
    public const string ClusterCertificates = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";

    private static readonly HashSet<string> KnownCurves = new(StringComparer.Ordinal)
    {
        "CurveP256",
        "CurveP384",
        "CurveP521",
        "X25519",
        "X25519MLKEM768",
        "P-256",
        "P-384",
        "P-521",
    };

    // The suites that Go considers secure.
    private static readonly Dictionary<string, TlsCipherSuite> KnownSuites = new TlsCipherSuite[]
    {
        TlsCipherSuite.TLS_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    }.ToDictionary(static suite => suite.ToString(), StringComparer.Ordinal);

    /// <summary>Maximum number of connections per registry, and in all.</summary>
    private const int MaximumConnections = 100;

    /// <summary>
    /// Creates a handler for registries. <paramref name="extra"/> is a PEM file with more authorities; it is ignored when it does not
    /// exist. The minimum is TLS 1.3, unless <c>TAG_TO_DIGEST_TLS_MIN_VERSION</c> (1.2 or 1.3) says otherwise;
    /// <c>TAG_TO_DIGEST_TLS_MAX_VERSION</c> sets the maximum, and <c>TAG_TO_DIGEST_TLS_CIPHER_SUITES</c> names the suites of TLS 1.2.
    /// Throws <see cref="FormatException"/> for invalid values. <c>TAG_TO_DIGEST_TLS_CURVE_PREFERENCES</c> is validated but has no effect,
    /// because .NET leaves the groups to OpenSSL; that is logged to <paramref name="logger"/>.
    /// </summary>
    public static SocketsHttpHandler CreateHandler(
        string extra = ClusterCertificates,
        Func<string, string?>? environment = null,
        ILogger? logger = null
    )
    {
        ArgumentNullException.ThrowIfNull(extra);
        environment ??= Environment.GetEnvironmentVariable;
        var handler = PoolConnections.CreateHandler();
        handler.UseCookies = false;
        handler.MaxConnectionsPerServer = MaximumConnections;
        handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5);
        handler.SslOptions = new SslClientAuthenticationOptions
        {
            EnabledSslProtocols = Versions(environment),
            CipherSuitesPolicy = Suites(environment),
        };
        CheckCurves(environment, logger);
        if (File.Exists(extra))
        {
            handler.SslOptions.CertificateChainPolicy = Trusting(extra);
        }

        return handler;
    }

    private static X509ChainPolicy Trusting(string extra)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        foreach (var location in (StoreLocation[])[StoreLocation.LocalMachine, StoreLocation.CurrentUser])
        {
            using var store = new X509Store(StoreName.Root, location);
            store.Open(OpenFlags.ReadOnly);
            policy.CustomTrustStore.AddRange(store.Certificates);
        }

        policy.CustomTrustStore.ImportFromPemFile(extra);
        return policy;
    }

    private static SslProtocols Versions(Func<string, string?> environment)
    {
        var (least, most) = (Version("TAG_TO_DIGEST_TLS_MIN_VERSION", 13), Version("TAG_TO_DIGEST_TLS_MAX_VERSION", 13));
        var result = SslProtocols.None;
        if (least <= 12 && most >= 12)
        {
            result |= SslProtocols.Tls12;
        }

        if (most >= 13)
        {
            result |= SslProtocols.Tls13;
        }

        return result != SslProtocols.None
            ? result
            : throw new FormatException("TAG_TO_DIGEST_TLS_MAX_VERSION is below TAG_TO_DIGEST_TLS_MIN_VERSION");

        int Version(string name, int otherwise) =>
            environment(name) switch
            {
                null or "" => otherwise,
                "1.2" => 12,
                "1.3" => 13,
                var other => throw new FormatException(
                    $"invalid {name} \"{other}\": unsupported TLS version \"{other}\": must be \"1.2\" or \"1.3\""
                ),
            };
    }

    // As in Go, the suites of TLS 1.3 cannot be configured.
    private static CipherSuitesPolicy? Suites(Func<string, string?> environment)
    {
        var names = Names(environment, "TAG_TO_DIGEST_TLS_CIPHER_SUITES");
        foreach (var name in names.Where(static name => !KnownSuites.ContainsKey(name)))
        {
            throw new FormatException($"invalid TAG_TO_DIGEST_TLS_CIPHER_SUITES: unknown cipher suite \"{name}\"");
        }

        if (names.Length == 0)
        {
            return null;
        }

        if (!OperatingSystem.IsLinux())
        {
            throw new FormatException("TAG_TO_DIGEST_TLS_CIPHER_SUITES is supported on Linux only");
        }

        return new CipherSuitesPolicy(
            names
                .Select(static name => KnownSuites[name])
                .Concat([
                    TlsCipherSuite.TLS_AES_128_GCM_SHA256,
                    TlsCipherSuite.TLS_AES_256_GCM_SHA384,
                    TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256,
                ])
                .Distinct()
        );
    }

    private static void CheckCurves(Func<string, string?> environment, ILogger? logger)
    {
        const string name = "TAG_TO_DIGEST_TLS_CURVE_PREFERENCES";
        var curves = Names(environment, name);
        if (curves.FirstOrDefault(static curve => !KnownCurves.Contains(curve)) is { } unknown)
        {
            throw new FormatException($"invalid {name}: unknown curve \"{unknown}\"");
        }

        if (curves.Length > 0)
        {
            logger?.LogWarning(
                "{Variable} cannot be kept, OpenSSL's own groups are used: set them in its configuration file (OPENSSL_CONF) instead",
                name
            );
        }
    }

    private static string[] Names(Func<string, string?> environment, string variable) =>
        (environment(variable) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
