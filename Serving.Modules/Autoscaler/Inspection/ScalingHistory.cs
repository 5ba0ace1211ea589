using System.Collections.Concurrent;
using Serving.Dataplane.Inspection;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Inspection;

/// <summary>
/// The decisions of the last ten minutes, for display. Invariant: at most <see cref="MostRevisions"/> revisions, and for each at most
/// <see cref="MostPoints"/> points; while nothing changes a revision costs two, so that thousands of idle ones are cheap.
/// </summary>
internal sealed class ScalingHistory
{
    /// <summary>The time that is kept.</summary>
    public static readonly TimeSpan Span = TimeSpan.FromMinutes(10);

    /// <summary>The revisions that are kept; later ones have no history until others are deleted.</summary>
    public const int MostRevisions = 2000;

    /// <summary>One for each regular evaluation of the time that is kept; evaluations out of turn displace the oldest.</summary>
    public const int MostPoints = 320;

    private readonly ConcurrentDictionary<ObjectKey, Track> _tracks = new();
    private int _count;

    /// <summary>Adds a decision. Called by one thread at a time for each revision.</summary>
    public void Record(ObjectKey key, in ScalingDecision steps)
    {
        if (!_tracks.TryGetValue(key, out var track))
        {
            if (Interlocked.Increment(ref _count) > MostRevisions)
            {
                Interlocked.Decrement(ref _count);
                return;
            }

            track = _tracks.GetOrAdd(key, _ => new Track());
        }

        track.Add(
            new ScalingPoint(
                steps.At,
                (float)steps.Stable,
                (float)steps.Panic,
                steps.DesiredPods,
                steps.ReadyPods,
                steps.PanickingSince is not null
            )
        );
    }

    /// <summary>Removes a revision.</summary>
    public void Remove(ObjectKey key)
    {
        if (_tracks.TryRemove(key, out _))
        {
            Interlocked.Decrement(ref _count);
        }
    }

    /// <summary>The points of a revision, the oldest first; null when it has none.</summary>
    public IReadOnlyList<ScalingPoint>? Of(ObjectKey key, DateTimeOffset now) =>
        _tracks.TryGetValue(key, out var track) ? track.Since(now - Span) : null;

    /// <summary>The points of one revision. A point that equals its two predecessors moves the last one in time.</summary>
    private sealed class Track
    {
        private readonly Lock _gate = new();
        private readonly List<ScalingPoint> _points = [];

        public void Add(in ScalingPoint point)
        {
            lock (_gate)
            {
                if (_points.Count >= 2 && IsSame(_points[^1], point) && IsSame(_points[^2], point))
                {
                    _points[^1] = point;
                    return;
                }

                if (_points.Count >= MostPoints)
                {
                    // A tenth at once, so that adding does not move the whole list each time.
                    _points.RemoveRange(0, MostPoints / 10);
                }

                _points.Add(point);
            }
        }

        /// <summary>The points since a time, and the one before it, which holds until the first of them.</summary>
        public IReadOnlyList<ScalingPoint> Since(DateTimeOffset oldest)
        {
            lock (_gate)
            {
                var first = _points.FindIndex(point => point.At >= oldest);
                return first < 0 ? [.. _points.TakeLast(1)] : [.. _points.Skip(Math.Max(0, first - 1))];
            }
        }

        private static bool IsSame(in ScalingPoint one, in ScalingPoint two) => one with { At = two.At } == two;
    }
}
