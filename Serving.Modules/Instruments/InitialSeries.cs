using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;

namespace Serving.Instruments;

/// <summary>
/// The series that a counter has before it counts. Without them the first failure of a process would make a series that begins with 1, in
/// which Prometheus sees no increase, and a panel or an alert could not tell "none" from "not measured". Invariant: a counter that ends
/// takes its declaration with it.
/// </summary>
public static class InitialSeries
{
    private static readonly ConditionalWeakTable<Instrument, KeyValuePair<string, object?>[][]> Declared = [];
    private static readonly ConditionalWeakTable<Instrument, Func<IEnumerable<KeyValuePair<string, object?>[]>>> Current = [];
    private static readonly Lock Gate = new();

    /// <summary>Declares a series with these tags, which begins with 0; none for the series without tags. Returns the counter.</summary>
    public static Counter<T> StartingAtZero<T>(this Counter<T> counter, params ReadOnlySpan<KeyValuePair<string, object?>> tags)
        where T : struct
    {
        ArgumentNullException.ThrowIfNull(counter);
        var added = tags.ToArray();
        lock (Gate)
        {
            var before = Declared.TryGetValue(counter, out var known) ? known : [];
            if (!before.Any(one => one.SequenceEqual(added)))
            {
                Declared.AddOrUpdate(counter, [.. before, added]);
            }
        }

        return counter;
    }

    /// <summary>Declares a series for each value of an attribute. Returns the counter.</summary>
    public static Counter<T> StartingAtZero<T>(this Counter<T> counter, MetricAttribute attribute, params ReadOnlySpan<string> values)
        where T : struct
    {
        ArgumentNullException.ThrowIfNull(attribute);
        foreach (var value in values)
        {
            counter.StartingAtZero(attribute.Of(value));
        }

        return counter;
    }

    /// <summary>Declares the series of objects that come and go: the function returns the tags of those that exist, whenever metrics are
    /// collected. Returns the counter.</summary>
    public static Counter<T> StartingAtZero<T>(this Counter<T> counter, Func<IEnumerable<KeyValuePair<string, object?>[]>> series)
        where T : struct
    {
        ArgumentNullException.ThrowIfNull(counter);
        ArgumentNullException.ThrowIfNull(series);
        Current.AddOrUpdate(counter, series);
        return counter;
    }

    /// <summary>The tags of the declared series; none when nothing was declared.</summary>
    public static IEnumerable<KeyValuePair<string, object?>[]> Of(Instrument instrument)
    {
        IEnumerable<KeyValuePair<string, object?>[]> declared = Declared.TryGetValue(instrument, out var series) ? series : [];
        return Current.TryGetValue(instrument, out var current) ? declared.Concat(current()) : declared;
    }
}
