using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

namespace Serving.Instruments;

/// <summary>
/// The attributes that instruments declare. <see cref="System.Diagnostics.Metrics"/> learns of attributes only when a value is recorded;
/// the documentation needs them before. Invariant: an instrument that ends takes its declaration with it.
/// </summary>
public static class DeclaredAttributes
{
    private static readonly ConditionalWeakTable<Instrument, MetricAttribute[]> Declared = [];

    /// <summary>Declares every attribute that measurements of the instrument may have. Returns the instrument.</summary>
    public static T With<T>(this T instrument, params ReadOnlySpan<MetricAttribute> attributes)
        where T : Instrument
    {
        ArgumentNullException.ThrowIfNull(instrument);
        Declared.AddOrUpdate(instrument, attributes.ToArray());
        return instrument;
    }

    /// <summary>The declared attributes; none when nothing was declared.</summary>
    public static IReadOnlyList<MetricAttribute> Of(Instrument instrument) =>
        Declared.TryGetValue(instrument, out var attributes) ? attributes : [];
}
