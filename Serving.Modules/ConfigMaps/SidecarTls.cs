using Serving.Api.Config;

namespace Serving.ConfigMaps;

/// <summary>
/// Validates the settings of the sidecar's TLS port. Invariant: accepts and rejects exactly what the sidecar does, because with an invalid
/// value neither the sidecar nor its pod would start.
/// </summary>
internal static class SidecarTls
{
    private static readonly HashSet<string> Suites = new(StringComparer.Ordinal)
    {
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    };

    private static readonly HashSet<string> Curves = new(StringComparer.Ordinal)
    {
        "CurveP256",
        "P-256",
        "CurveP384",
        "P-384",
        "CurveP521",
        "P-521",
        "X25519",
        "X25519MLKEM768",
    };

    /// <summary>Throws <see cref="ConfigMapException"/> for values with which no sidecar would start.</summary>
    public static void Check(ConfigData from, DeploymentConfig config)
    {
        CheckVersion(from, "queue-sidecar-tls-min-version", config.QueueSidecarTlsMinVersion);
        CheckVersion(from, "queue-sidecar-tls-max-version", config.QueueSidecarTlsMaxVersion);

        // Both default to TLS 1.3, so only this combination is inverted.
        from.Require(
            config.QueueSidecarTlsMaxVersion != "1.2" || config.QueueSidecarTlsMinVersion == "1.2",
            "queue-sidecar-tls-max-version",
            $"queue-sidecar-tls-max-version \"{config.QueueSidecarTlsMaxVersion}\" is below queue-sidecar-tls-min-version, which is \"1.3\" unless it says otherwise"
        );
        CheckNames(from, "queue-sidecar-tls-cipher-suites", config.QueueSidecarTlsCipherSuites, Suites, "cipher suite");
        CheckNames(from, "queue-sidecar-tls-curve-preferences", config.QueueSidecarTlsCurvePreferences, Curves, "curve");
    }

    private static void CheckVersion(ConfigData from, string key, string version) =>
        from.Require(
            version is "" or "1.2" or "1.3",
            key,
            $"invalid {key} {GoValues.Quote(version)}: unsupported TLS version {GoValues.Quote(version)}: must be \"1.2\" or \"1.3\""
        );

    private static void CheckNames(ConfigData from, string key, string names, HashSet<string> known, string what)
    {
        foreach (var name in names.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            from.Require(known.Contains(name), key, $"invalid {key}: unknown {what} {GoValues.Quote(name)}");
        }
    }
}
