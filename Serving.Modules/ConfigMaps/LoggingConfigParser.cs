using System.Text.Json;
using Serving.Api.Config;

namespace Serving.ConfigMaps;

/// <summary>Parses config-logging.</summary>
public static class LoggingConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-logging";

    private const string ZapKey = "zap-logger-config";
    private const string Prefix = "loglevel.";

    /// <summary>The components that log: the modules, the parts of networking, and the sidecar; and separate programs of Knative that read
    /// this ConfigMap themselves.</summary>
    private static readonly HashSet<string> Components = new(StringComparer.Ordinal)
    {
        "activator",
        "api",
        "autoscaler",
        "background",
        "certificates",
        "concurrency",
        "configmaps",
        "controller",
        "dataplane",
        "gateway",
        "gatewayapi",
        "host",
        "hpaautoscaler",
        "istio",
        "kubernetes",
        "layers",
        "localcluster",
        "net-certmanager-controller",
        "net-contour-controller",
        "net-gateway-api-controller",
        "net-istio-controller",
        "net-kourier-controller",
        "networking",
        "observability",
        "queueproxy",
        "statuspages",
        "webhook",
    };

    /// <summary>Parses and validates the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static LoggingConfig Parse(IReadOnlyDictionary<string, string> data)
    {
        var levels = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in data)
        {
            if (value.Length == 0 || key.Length == Prefix.Length || !key.StartsWith(Prefix, StringComparison.Ordinal))
                continue;
            levels[key[Prefix.Length..]] = Level(value) ?? throw new ConfigMapException(Name, key, "invalid logging level: " + value);
        }

        var zap = data.GetValueOrDefault(ZapKey, "");
        return new LoggingConfig
        {
            ZapLoggerConfig = zap,
            Level = LevelIn(zap),
            LogLevels = levels,
        };
    }

    /// <summary>The keys that have no effect.</summary>
    internal static IEnumerable<string> Unused(IReadOnlyDictionary<string, string> data) =>
        data.Keys.Where(static key =>
            key != ZapKey && !(key.StartsWith(Prefix, StringComparison.Ordinal) && Components.Contains(key[Prefix.Length..]))
        );

    /// <summary>The level with this name, case-insensitive; null if there is none.</summary>
    private static string? Level(string name) =>
        name.ToLowerInvariant() switch
        {
            "warn" or "warning" => "warn",
            "debug" or "info" or "error" or "dpanic" or "panic" or "fatal" => name.ToLowerInvariant(),
            _ => null,
        };

    private static string LevelIn(string zap)
    {
        if (string.IsNullOrWhiteSpace(zap))
            return LoggingConfig.Default.Level;
        try
        {
            using var document = JsonDocument.Parse(zap);
            if (document.RootElement is not { ValueKind: JsonValueKind.Object } root)
                throw new ConfigMapException(Name, ZapKey, $"{ZapKey} is not a JSON object");
            return root.TryGetProperty("level", out var level) ? LevelOf(level) : LoggingConfig.Default.Level;
        }
        catch (JsonException wrong)
        {
            throw new ConfigMapException(Name, ZapKey, $"{ZapKey} is not valid JSON: {wrong.Message}", wrong);
        }
    }

    /// <summary>As in zap, null and an empty name mean the default.</summary>
    private static string LevelOf(JsonElement level) =>
        level.ValueKind switch
        {
            JsonValueKind.Null => LoggingConfig.Default.Level,
            JsonValueKind.String when level.GetString()!.Length == 0 => LoggingConfig.Default.Level,
            JsonValueKind.String when Level(level.GetString()!) is { } known => known,
            _ => throw new ConfigMapException(
                Name,
                ZapKey,
                $"{ZapKey} has the invalid logging level {level.GetRawText()}: use debug, info, warn, error, dpanic, panic or fatal"
            ),
        };
}
