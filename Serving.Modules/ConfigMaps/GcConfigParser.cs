using System.Globalization;
using Serving.Api.Config;

namespace Serving.ConfigMaps;

/// <summary>Parses config-gc.</summary>
public static class GcConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-gc";

    /// <summary>Parses and validates the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static GcConfig Parse(IReadOnlyDictionary<string, string> data)
    {
        var from = new ConfigData(Name, data, "failed to parse data: ");
        var d = GcConfig.Default;
        var config = new GcConfig
        {
            MinNonActiveRevisions = from.Int64("min-non-active-revisions", d.MinNonActiveRevisions),
            RetainSinceCreateTime = Optional(from, "retain-since-create-time", d.RetainSinceCreateTime, Age),
            RetainSinceLastActiveTime = Optional(from, "retain-since-last-active-time", d.RetainSinceLastActiveTime, Age),
            MaxNonActiveRevisions = Optional(from, "max-non-active-revisions", d.MaxNonActiveRevisions, Count),
        };
        from.Require(
            config.MinNonActiveRevisions >= 0,
            "min-non-active-revisions",
            string.Create(
                CultureInfo.InvariantCulture,
                $"min-non-active-revisions must be non-negative, was: {config.MinNonActiveRevisions}"
            )
        );
        from.Require(
            config.MaxNonActiveRevisions is not { } most || config.MinNonActiveRevisions <= most,
            "min-non-active-revisions",
            string.Create(
                CultureInfo.InvariantCulture,
                $"min-non-active-revisions({config.MinNonActiveRevisions}) must be <= max-non-active-revisions({config.MaxNonActiveRevisions})"
            )
        );
        return config;
    }

    private static T? Optional<T>(ConfigData from, string key, T? fallback, Func<string, T> parse)
        where T : struct
    {
        var text = from.String(key, "");
        if (text.Length == 0)
            return from.Noted(key, fallback);
        if (text.Equals("disabled", StringComparison.OrdinalIgnoreCase))
            return null;
        try
        {
            return parse(text);
        }
        catch (FormatException wrong)
        {
            throw from.Refuse(key, $"failed to parse {key}: {wrong.Message}", wrong);
        }
    }

    private static TimeSpan Age(string text)
    {
        var age = GoValues.ParseDuration(text);
        return age >= TimeSpan.Zero ? age : throw new FormatException("must be non-negative");
    }

    private static long Count(string text)
    {
        var count = GoValues.ParseUint(text, 64);
        return count <= long.MaxValue ? (long)count : throw new FormatException("value should be lower than 9223372036854775807");
    }
}
