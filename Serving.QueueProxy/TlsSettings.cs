using System.Net.Security;
using System.Security.Authentication;

namespace Serving.QueueProxy;

/// <summary>
/// How the TLS port is spoken to: <c>QUEUE_PROXY_TLS_MIN_VERSION</c>, <c>_MAX_VERSION</c>, <c>_CIPHER_SUITES</c> and <c>_CURVE_PREFERENCES</c>.
/// Without them it is TLS 1.3 with what OpenSSL prefers.
/// </summary>
internal sealed class TlsSettings
{
    private const string Prefix = "QUEUE_PROXY_TLS_";

    // Of TLS 1.3 all are good; a list of suites concerns the version before.
    private static readonly TlsCipherSuite[] Always = [TlsCipherSuite.TLS_AES_128_GCM_SHA256, TlsCipherSuite.TLS_AES_256_GCM_SHA384, TlsCipherSuite.TLS_CHACHA20_POLY1305_SHA256];

    private static readonly TlsCipherSuite[] Known =
    [
        .. Always,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TlsCipherSuite.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, TlsCipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
        TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, TlsCipherSuite.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
    ];

    // Names of Go and of standards, and what OpenSSL calls them.
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
        if (suites.Count > 0 && OperatingSystem.IsLinux()) Policy = new CipherSuitesPolicy(suites);
    }

    /// <summary>The versions that are spoken.</summary>
    public SslProtocols Protocols { get; }

    /// <summary>The cipher suites that are taken; empty for OpenSSL's own.</summary>
    public IReadOnlyList<TlsCipherSuite> Suites { get; }

    /// <summary>The key exchange groups, the best first, as OpenSSL calls them; empty for its own.</summary>
    public IReadOnlyList<string> Groups { get; }

    private CipherSuitesPolicy? Policy { get; }

    /// <summary>Reads the environment.</summary>
    /// <exception cref="FormatException">A variable is not what it should be; the message names it.</exception>
    public static TlsSettings Read(Func<string, string?> variable)
    {
        var least = Version("MIN_VERSION", SslProtocols.Tls13);
        var most = Version("MAX_VERSION", SslProtocols.Tls13);
        if (least > most) throw new FormatException($"The environment's {Prefix}MIN_VERSION is above its {Prefix}MAX_VERSION: no version is left.");
        var suites = List("CIPHER_SUITES").Select(name =>
            Enum.TryParse<TlsCipherSuite>(name, out var suite) && Known.Contains(suite) && suite.ToString() == name
                ? suite
                : throw new FormatException($"The environment's {Prefix}CIPHER_SUITES has the unknown cipher suite \"{name}\".")).ToList();
        var groups = List("CURVE_PREFERENCES").Select(name =>
            KnownGroups.TryGetValue(name, out var group) ? group : throw new FormatException($"The environment's {Prefix}CURVE_PREFERENCES has the unknown curve \"{name}\".")).ToList();
        return new TlsSettings(least | most, suites.Count == 0 ? [] : [.. suites.Union(Always)], groups);

        SslProtocols Version(string name, SslProtocols absent) => (variable(Prefix + name) ?? "") switch
        {
            "" => absent,
            "1.2" => SslProtocols.Tls12,
            "1.3" => SslProtocols.Tls13,
            var other => throw new FormatException($"The environment's {Prefix}{name} is \"{other}\": it must be \"1.2\" or \"1.3\"."),
        };

        string[] List(string name) => (variable(Prefix + name) ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>Sets what a handshake can be told. The groups are set for the process, by <see cref="KeyExchangeGroups"/>.</summary>
    public void Apply(SslServerAuthenticationOptions options)
    {
        options.EnabledSslProtocols = Protocols;
        if (Policy is not null && OperatingSystem.IsLinux()) options.CipherSuitesPolicy = Policy;
    }
}
