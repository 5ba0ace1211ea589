using System.Globalization;
using System.Text;
using Serving.Dataplane.Inspection;
using Serving.StatusPages.Pages;

namespace Serving.StatusPages.Components;

/// <summary>
/// The geometry of the charts: lines over the time that there are points of, at most ten minutes, in a box of <see cref="Width"/> by
/// <see cref="Height"/>. Pure.
/// </summary>
public sealed class ScalingChart
{
    /// <summary>The width of the box.</summary>
    public const int Width = 600;

    /// <summary>The height of the box.</summary>
    public const int Height = 120;

    /// <summary>The most rows of the table that shows the same.</summary>
    public const int MostRows = 21;

    private static readonly TimeSpan Shortest = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);
    private readonly IReadOnlyList<ScalingPoint> _points;
    private readonly DateTimeOffset _now;

    /// <param name="points">The points, the oldest first.</param>
    /// <param name="now">The right edge.</param>
    public ScalingChart(IReadOnlyList<ScalingPoint> points, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(points);
        (_points, _now) = (points, now);
        var age = points.Count == 0 ? Longest : now - points[0].At;
        Span =
            age < Shortest ? Shortest
            : age > Longest ? Longest
            : age;
        MostLoad = Nice(points.Select(static point => (double)Math.Max(point.Stable, point.Panic)).DefaultIfEmpty().Max());
        MostPods = Nice(points.Select(static point => (double)Math.Max(point.DesiredPods, point.ReadyPods)).DefaultIfEmpty().Max());
    }

    /// <summary>The time from the left edge to the right one.</summary>
    public TimeSpan Span { get; }

    /// <summary>The latest point; null when there is none.</summary>
    public ScalingPoint? Last => _points.Count == 0 ? null : _points[^1];

    /// <summary>The load at the top of the box.</summary>
    public double MostLoad { get; }

    /// <summary>The number of pods at the top of the box.</summary>
    public double MostPods { get; }

    /// <summary>The path of the stable average.</summary>
    public string Stable => Line(static point => point.Stable, MostLoad, steps: false);

    /// <summary>The path of the panic average.</summary>
    public string Panic => Line(static point => point.Panic, MostLoad, steps: false);

    /// <summary>The path of the desired scale.</summary>
    public string Desired => Line(static point => point.DesiredPods, MostPods, steps: true);

    /// <summary>The path of the ready pods.</summary>
    public string Ready => Line(static point => point.ReadyPods, MostPods, steps: true);

    /// <summary>What the load did, in a sentence.</summary>
    public string LoadText =>
        _points.Count == 0
            ? "There are no points."
            : $"The stable average is {Show.Number(_points[^1].Stable)} now and was at most {Show.Number(_points.Max(static p => p.Stable))}; the panic average is {Show.Number(_points[^1].Panic)} and was at most {Show.Number(_points.Max(static p => p.Panic))}.";

    /// <summary>What the pods did, in a sentence.</summary>
    public string PodsText =>
        _points.Count == 0
            ? "There are no points."
            : $"{Show.Count(_points[^1].DesiredPods, "pod")} desired now, at most {_points.Max(static p => p.DesiredPods)}; {_points[^1].ReadyPods} ready now, at most {_points.Max(static p => p.ReadyPods)}.";

    /// <summary>The time between two rows of the table.</summary>
    public TimeSpan Step => Span / (MostRows - 1);

    /// <summary>The table: the state at equal distances in time, the newest first.</summary>
    public IReadOnlyList<ScalingPoint> Table()
    {
        var rows = new List<ScalingPoint>();
        for (var i = 0; i < MostRows; i++)
        {
            var at = _now - (i * Step);
            if (_points.LastOrDefault(point => point.At <= at) is { At.Ticks: > 0 } point)
            {
                rows.Add(point with { At = at });
            }
        }

        return rows;
    }

    /// <summary>A round number that is not less, so that the axis is readable.</summary>
    private static double Nice(double most)
    {
        if (most <= 1)
        {
            return 1;
        }

        var magnitude = Math.Pow(10, Math.Floor(Math.Log10(most)));
        foreach (var factor in (double[])[1, 2, 3, 5, 8])
        {
            if (most <= factor * magnitude)
            {
                return factor * magnitude;
            }
        }

        return 10 * magnitude;
    }

    private string Line(Func<ScalingPoint, double> value, double most, bool steps)
    {
        var path = new StringBuilder();
        foreach (var point in _points)
        {
            var (x, y) = (X(point.At), Y(value(point), most));
            if (path.Length == 0)
            {
                path.Append(CultureInfo.InvariantCulture, $"M{x} {y}");
            }
            else if (steps)
            {
                path.Append(CultureInfo.InvariantCulture, $"H{x}V{y}");
            }
            else
            {
                path.Append(CultureInfo.InvariantCulture, $"L{x} {y}");
            }
        }

        if (path.Length > 0)
        {
            path.Append(CultureInfo.InvariantCulture, $"H{Width}");
        }

        return path.ToString();
    }

    private double X(DateTimeOffset at) => Math.Round(Math.Clamp(1 - ((_now - at) / Span), 0, 1) * Width, 1);

    /// <summary>Inside the box by half a line, so that a line at the edge is not cut.</summary>
    private static double Y(double value, double most) => Math.Round(Height - 1.5 - (Math.Clamp(value / most, 0, 1) * (Height - 3)), 1);
}
