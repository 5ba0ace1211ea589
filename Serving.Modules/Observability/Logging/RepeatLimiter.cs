using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Serving.Observability.Logging;

/// <summary>
/// Lets a warning or an error about one thing through once a minute and counts the others, so that one cause is not a thousand lines. What
/// is the same is told by the template of a line and by the values in it that name something (an object, an address), not by those that
/// vary with each occurrence (reasons, numbers, paths of requests). Invariant: what is remembered is bounded, and more is then told apart
/// by template alone.
/// </summary>
public sealed class RepeatLimiter(TimeProvider time)
{
    /// <summary>The time between two lines about one thing.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <summary>Things that are told apart at most.</summary>
    internal const int MostRemembered = 4096;

    private const string OriginalFormat = "{OriginalFormat}";

    /// <summary>Holes of templates whose values say how, and not what.</summary>
    private static readonly HashSet<string> Varying = new(StringComparer.Ordinal)
    {
        "Reason",
        "Error",
        "Message",
        "Problem",
        "Text",
        "Attempt",
        "Failures",
        "Delay",
        "Retry",
        "Method",
        "Path",
        "Identity",
        "Outcome",
        "ConnectionId",
        "TraceIdentifier",
    };

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Seen> _remembered = new(StringComparer.Ordinal);

    /// <summary>What is remembered now.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
                return _remembered.Count;
        }
    }

    /// <summary>Whether a line is to be written.</summary>
    /// <param name="category">Who says it.</param>
    /// <param name="level">Below a warning everything passes.</param>
    /// <param name="state">The state of the event, as a logger gets it.</param>
    /// <param name="exception">What it comes with; of two lines with failures of different types neither stands for the other.</param>
    /// <param name="repeated">How many like it were not written since the last one that was.</param>
    public bool TryPass<TState>(string category, LogLevel level, TState state, Exception? exception, out int repeated)
    {
        repeated = 0;
        if (level < LogLevel.Warning)
            return true;
        var (template, thing) = Identify(category, state as IReadOnlyList<KeyValuePair<string, object?>> ?? [], exception);
        var now = time.GetTimestamp();
        lock (_gate)
        {
            if (_remembered.Count >= MostRemembered && !_remembered.ContainsKey(thing))
            {
                Prune(now);
                if (_remembered.Count >= MostRemembered)
                    thing = template;
            }

            ref var seen = ref CollectionsMarshal.GetValueRefOrAddDefault(_remembered, thing, out var known);
            if (known && time.GetElapsedTime(seen.Written, now) < Interval)
            {
                seen.Repeated++;
                return false;
            }

            repeated = known ? seen.Repeated : 0;
            seen = new Seen(now);
            return true;
        }
    }

    private static (string Template, string Thing) Identify(
        string category,
        IReadOnlyList<KeyValuePair<string, object?>> fields,
        Exception? exception
    )
    {
        var isOurs = category.StartsWith("Serving.", StringComparison.Ordinal);
        var template = category;
        var names = new StringBuilder();
        for (var i = 0; i < fields.Count; i++)
        {
            var (name, value) = fields[i];
            if (name == OriginalFormat)
                template = $"{value}";
            else if (isOurs && !Varying.Contains(name) && Names(value))
                names.Append('\u001f').Append(value);
        }

        template += exception is null ? "" : "\u001e" + exception.GetType().Name;
        return (template, template + names);
    }

    private static bool Names(object? value) =>
        value
            is not (
                null
                or bool
                or sbyte
                or byte
                or short
                or ushort
                or int
                or uint
                or long
                or ulong
                or float
                or double
                or decimal
                or TimeSpan
                or DateTimeOffset
                or Exception
            );

    private void Prune(long now)
    {
        foreach (var (key, seen) in _remembered)
        {
            if (time.GetElapsedTime(seen.Written, now) >= Interval)
                _remembered.Remove(key);
        }
    }

    private record struct Seen(long Written)
    {
        public int Repeated { get; set; }
    }
}
