using System.Text.Json;
using Serving.Api.Config;

namespace Serving.ConfigMaps;

/// <summary>Parses config-logging.</summary>
public static class LoggingConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-logging";

    private const string Prefix = "loglevel.";

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

        var zap = data.GetValueOrDefault("zap-logger-config", "");
        return new LoggingConfig
        {
            ZapLoggerConfig = zap,
            Level = LevelIn(zap),
            LogLevels = levels,
        };
    }

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
            return
                document.RootElement is { ValueKind: JsonValueKind.Object } root
                && root.TryGetProperty("level", out var level)
                && level.ValueKind == JsonValueKind.String
                && Level(level.GetString()!) is { } known
                ? known
                : LoggingConfig.Default.Level;
        }
        catch (JsonException wrong)
        {
            throw new ConfigMapException(Name, "zap-logger-config", "zap-logger-config is not valid JSON: " + wrong.Message, wrong);
        }
    }
}
