using System.Globalization;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.WellKnown;

namespace Serving.Api.Autoscaling;

/// <summary>How the pods of an idle revision are parked: its annotations, with the cluster's configuration as defaults. An invalid
/// annotation counts as absent; admission rejects those.</summary>
/// <param name="Scale">The number of parked pods; 0 is none.</param>
/// <param name="Cpu">The most CPU that each container requests while parked; null leaves CPU alone.</param>
/// <param name="Memory">The same for memory.</param>
/// <param name="After">The time without requests after which pods are parked; null is the stable window.</param>
public sealed record ReserveSettings(int Scale, Quantity? Cpu, Quantity? Memory, TimeSpan? After)
{
    /// <summary>No parked pods.</summary>
    public static ReserveSettings None { get; } = new(0, null, null, null);

    /// <summary>The settings of a revision.</summary>
    public static ReserveSettings Of(IReadOnlyDictionary<string, string> annotations, ReserveConfig config)
    {
        ArgumentNullException.ThrowIfNull(annotations);
        ArgumentNullException.ThrowIfNull(config);
        return new ReserveSettings(
            Find(annotations, ReserveKeys.Scale) is { } text
            && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var scale)
                ? scale
                : config.Scale,
            Amount(annotations, ReserveKeys.Cpu) ?? config.Cpu,
            Amount(annotations, ReserveKeys.Memory) ?? config.Memory,
            Find(annotations, ReserveKeys.After) is { } after && GoDuration.TryParse(after, out var duration)
                ? duration.ToTimeSpan()
                : config.After
        );
    }

    /// <summary>The reserve of <c>cpu</c> or <c>memory</c>.</summary>
    public Quantity? Of(string resource) => resource == ReservePlan.Cpu ? Cpu : Memory;

    private static string? Find(IReadOnlyDictionary<string, string> annotations, string key) => annotations.GetValueOrDefault(key);

    private static Quantity? Amount(IReadOnlyDictionary<string, string> annotations, string key) =>
        Find(annotations, key) is { } text && new Quantity(text) is var quantity && quantity.TryGetAmount(out var amount) && amount > 0
            ? quantity
            : (Quantity?)null;
}
