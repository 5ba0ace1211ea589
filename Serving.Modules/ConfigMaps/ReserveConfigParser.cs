using System.Globalization;
using Serving.Api.Config;
using Serving.Api.Core;

namespace Serving.ConfigMaps;

/// <summary>Parses config-reserve.</summary>
public static class ReserveConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-reserve";

    /// <summary>Parses and validates the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static ReserveConfig Parse(IReadOnlyDictionary<string, string> data)
    {
        var from = new ConfigData(Name, data);
        var d = ReserveConfig.Default;
        var scale = from.Int32("reserve-scale", d.Scale);
        from.Require(
            scale >= 0,
            "reserve-scale",
            string.Create(CultureInfo.InvariantCulture, $"reserve-scale = {scale}, must be at least 0")
        );
        return new ReserveConfig
        {
            Scale = scale,
            Cpu = Positive(from, "reserve-cpu", d.Cpu),
            Memory = Positive(from, "reserve-memory", d.Memory),
            After = After(from, "reserve-after"),
            SparesBusyPods = from.Bool("spare-busy-pods", d.SparesBusyPods),
            PullsImages = from.Bool("prepull", d.PullsImages),
        };
    }

    private static Quantity? Positive(ConfigData from, string key, Quantity? fallback)
    {
        var quantity = from.Amount(key, fallback);
        from.Require(
            quantity is not { } set || (set.TryGetAmount(out var amount) && amount > 0),
            key,
            $"{key} ({quantity}) must be more than 0: a request of 0 counts as none, which a resize cannot make"
        );
        return quantity;
    }

    private static TimeSpan? After(ConfigData from, string key)
    {
        if (!from.Has(key))
            return from.Noted<TimeSpan?>(key, null);
        var after = from.Duration(key, TimeSpan.Zero);
        from.Require(
            after > TimeSpan.Zero && after <= ReserveConfig.LongestAfter,
            key,
            $"{key} = {from.Raw[key].Trim()}, must be more than 0 and at most 24h"
        );
        return after;
    }
}
