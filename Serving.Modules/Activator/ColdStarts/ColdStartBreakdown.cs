using System.Globalization;

namespace Serving.Activator.ColdStarts;

/// <summary>
/// A cold start taken apart. Invariant: phases do not overlap, none is negative, and their sum with <see cref="Unattributed"/> is the
/// duration. A phase whose begin or end is unknown has no duration.
/// </summary>
internal sealed class ColdStartBreakdown
{
    /// <summary>The number of phases.</summary>
    public static readonly int PhaseCount = Enum.GetValues<ColdStartPhase>().Length;

    private static readonly string[] Names = ["decide", "scale_write", "schedule", "image_pull", "container_start", "ready", "first_byte"];

    private readonly TimeSpan?[] _durations = new TimeSpan?[PhaseCount];
    private readonly TimeSpan[] _begins = new TimeSpan[PhaseCount];

    /// <param name="ends">The end of each phase since the arrival, by phase; null when unknown, or not reached. The last known one is the
    /// end of the whole.</param>
    public ColdStartBreakdown(ReadOnlySpan<TimeSpan?> ends)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(ends.Length, PhaseCount);
        foreach (var end in ends)
            Duration = end ?? Duration;
        var accepted = ends[(int)ColdStartPhase.Ready] ?? Duration;
        TimeSpan? begin = TimeSpan.Zero;
        var last = TimeSpan.Zero;
        for (var phase = 0; phase < PhaseCount; phase++)
        {
            // What the cluster reports is imprecise: it cannot be before the phase ahead of it, nor after our own clock saw the pod accept.
            var end = ends[phase] is { } known ? Clamp(known, last, phase < (int)ColdStartPhase.FirstByte ? accepted : Duration) : null;
            _durations[phase] = end - begin;
            _begins[phase] = begin ?? last;
            Unattributed += end is { } after && begin is null ? after - last : TimeSpan.Zero;
            last = end ?? last;
            begin = end;
        }
    }

    /// <summary>From the arrival of the request to the first byte of the response, or to the end without one.</summary>
    public TimeSpan Duration { get; }

    /// <summary>The time of phases whose begin or end is unknown.</summary>
    public TimeSpan Unattributed { get; }

    /// <summary>The duration of a phase; null when unknown.</summary>
    public TimeSpan? this[ColdStartPhase phase] => _durations[(int)phase];

    /// <summary>When a phase began, since the arrival; meaningful when it has a duration.</summary>
    public TimeSpan BeginOf(ColdStartPhase phase) => _begins[(int)phase];

    /// <summary>The name and duration of the longest phase; <c>unattributed</c> when most of the time has no known phase.</summary>
    public (string Name, TimeSpan Duration) Longest
    {
        get
        {
            var longest = ("unattributed", Unattributed);
            for (var phase = 0; phase < PhaseCount; phase++)
            {
                if (_durations[phase] is { } duration && duration > longest.Item2)
                    longest = (Names[phase], duration);
            }

            return longest;
        }
    }

    /// <summary>The name of a phase in metrics and logs.</summary>
    public static string NameOf(ColdStartPhase phase) => Names[(int)phase];

    /// <summary>Such as <c>decide 0.001 s, scale_write 0.012 s</c>; unknown phases are left out.</summary>
    public override string ToString() =>
        string.Join(
            ", ",
            Enumerable
                .Range(0, PhaseCount)
                .Where(phase => _durations[phase] is not null)
                .Select(phase =>
                    string.Create(CultureInfo.InvariantCulture, $"{Names[phase]} {_durations[phase]!.Value.TotalSeconds:0.000} s")
                )
        );

    private static TimeSpan? Clamp(TimeSpan value, TimeSpan least, TimeSpan most) =>
        value < least ? least
        : value > most ? most
        : value;
}
