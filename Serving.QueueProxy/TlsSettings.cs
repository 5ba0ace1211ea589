using System.Net.Security;
using System.Security.Authentication;

namespace Serving.QueueProxy;

/// <summary>
/// TLS settings of the TLS port: <c>QUEUE_PROXY_TLS_MIN_VERSION</c>, <c>_MAX_VERSION</c>, <c>_CIPHER_SUITES</c> and
/// <c>_CURVE_PREFERENCES</c>. The default is TLS 1.3 with OpenSSL's preferences.
/// </summary>
internal sealed class TlsSettings
{
    private const string Prefix = "QUEUE_PROXY_TLS_";

    // All TLS 1.3 suites are safe; a list of suites applies to TLS 1.2.
    private static readonly TlsCipherSuite[] Always =
    [
        TlsCipherSuite.TLS_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256,
    ];

    private static readonly TlsCipherSuite[] Known =
    [
        .. Always,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
    ];

    // Names used by Go and by standards, mapped to OpenSSL's names.
    private static readonly Dictionary<string, string> KnownGroups = new(StringComparer.Ordinal)
    {
        ["CurveP256"] = "P-256",
        ["P-256"] = "P-256",
        ["CurveP384"] = "P-384",
        ["P-384"] = "P-384",
        ["CurveP521"] = "P-521",
        ["P-521"] = "P-521",
        ["X25519"] = "X25519",
        ["X25519MLKEM768"] = "X25519MLKEM768",
    };

    private TlsSettings(SslProtocols protocols, IReadOnlyList<TlsCipherSuite> suites, IReadOnlyList<string> groups)
    {
        (Protocols, Suites, Groups) = (protocols, suites, groups);
        if (suites.Count > 0 && OperatingSystem.IsLinux())
            Policy = new CipherSuitesPolicy(suites);
    }

    /// <summary>The enabled versions.</summary>
    public SslProtocols Protocols { get; }

    /// <summary>The enabled cipher suites; empty for OpenSSL's default.</summary>
    public IReadOnlyList<TlsCipherSuite> Suites { get; }

    /// <summary>The key exchange groups in order of preference, by their OpenSSL names; empty for OpenSSL's default.</summary>
    public IReadOnlyList<string> Groups { get; }

    private CipherSuitesPolicy? Policy { get; }

    /// <summary>Reads the settings from the environment.</summary>
    /// <exception cref="FormatException">A variable is invalid; the message names it.</exception>
    public static TlsSettings Read(Func<string, string?> variable)
    {
        var least = Version("MIN_VERSION", SslProtocols.Tls13);
        var most = Version("MAX_VERSION", SslProtocols.Tls13);
        if (least > most)
            throw new FormatException($"The environment variable {Prefix}MIN_VERSION is above {Prefix}MAX_VERSION: no version is left.");
        var suites = List("CIPHER_SUITES")
            .Select(name =>
                Enum.TryParse<TlsCipherSuite>(name, out var suite) && Known.Contains(suite) && suite.ToString() == name
                    ? suite
                    : throw new FormatException($"The environment variable {Prefix}CIPHER_SUITES has the unknown cipher suite \"{name}\".")
            )
            .ToList();
        var groups = List("CURVE_PREFERENCES")
            .Select(name =>
                KnownGroups.TryGetValue(name, out var group)
                    ? group
                    : throw new FormatException($"The environment variable {Prefix}CURVE_PREFERENCES has the unknown curve \"{name}\".")
            )
            .ToList();
        return new TlsSettings(least | most, suites.Count == 0 ? [] : [.. suites.Union(Always)], groups);

        SslProtocols Version(string name, SslProtocols absent) =>
            (variable(Prefix + name) ?? "") switch
            {
                "" => absent,
                "1.2" => SslProtocols.Tls12,
                "1.3" => SslProtocols.Tls13,
                var other => throw new FormatException(
                    $"The environment variable {Prefix}{name} is \"{other}\": it must be \"1.2\" or \"1.3\"."
                ),
            };

        string[] List(string name) =>
            (variable(Prefix + name) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Applies the settings of a handshake. The groups are set for the whole process, by
    /// <see cref="KeyExchangeGroups"/>.</summary>
    public void Apply(SslServerAuthenticationOptions options)
    {
        options.EnabledSslProtocols = Protocols;
        if (Policy is not null && OperatingSystem.IsLinux())
            options.CipherSuitesPolicy = Policy;
    }
}
