using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Serving.Observability.Logging;

/// <summary>
/// Passes the same warning or error once a minute and counts the repetitions, so that one cause does not log a thousand lines. Lines are
/// the same when they have the same template and the same identifying values (objects, addresses); values that vary with each occurrence
/// (reasons, numbers, request paths) are ignored. Invariant: the number of tracked lines is bounded; beyond it lines are distinguished by
/// template only.
/// </summary>
public sealed class RepeatLimiter(TimeProvider time)
{
    /// <summary>The time between two writes of the same line.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <summary>Maximum number of tracked lines.</summary>
    internal const int MostRemembered = 4096;

    private const string OriginalFormat = "{OriginalFormat}";

    /// <summary>Template placeholders whose values do not identify an object.</summary>
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

    /// <summary>Number of tracked lines.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
                return _remembered.Count;
        }
    }

    /// <summary>Whether to write a line.</summary>
    /// <param name="category">The logger's category.</param>
    /// <param name="level">The level; levels below Warning always pass.</param>
    /// <param name="state">The state of the event, as passed to the logger.</param>
    /// <param name="exception">The exception, if any; lines with exceptions of different types are different.</param>
    /// <param name="repeated">The number of repetitions since the line was last written.</param>
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
