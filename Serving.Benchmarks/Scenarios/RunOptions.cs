namespace Serving.Benchmarks.Scenarios;

/// <summary>What scenarios measure, and how long.</summary>
internal sealed record RunOptions
{
    /// <summary>The path of Serving.Host.dll.</summary>
    public required string Host { get; init; }

    /// <summary>The program of the control planes whose memory and CPU are measured: the published host, which has compiled code as that of
    /// the image, or Serving.Host.dll.</summary>
    public required string ControlPlane { get; init; }

    /// <summary>Whether <see cref="ControlPlane"/> is compiled by the runtime while it runs.</summary>
    public bool IsControlPlaneBuilt => ControlPlane.EndsWith(".dll", StringComparison.Ordinal);

    /// <summary>The sidecars to measure: each a native program or a .dll. The first also runs in the pods.</summary>
    public IReadOnlyList<string> QueueProxies { get; init; } = [];

    /// <summary>Whether this is the smoke test.</summary>
    public bool Short { get; init; }

    /// <summary>The numbers of Services; empty for the scenario's own.</summary>
    public IReadOnlyList<int> Counts { get; init; } = [];

    /// <summary>How often each contender is measured.</summary>
    public required int Rounds { get; init; }

    /// <summary>The duration of a measurement.</summary>
    public required TimeSpan Load { get; init; }

    /// <summary>The duration of the load before the first measurement.</summary>
    public required TimeSpan WarmUp { get; init; }

    /// <summary>The options of the smoke test, or of a report.</summary>
    public static RunOptions Of(string host, bool isShort) =>
        isShort
            ? new RunOptions
            {
                Host = host,
                ControlPlane = host,
                Short = true,
                Rounds = 1,
                Load = TimeSpan.FromSeconds(1),
                WarmUp = TimeSpan.FromSeconds(1),
            }
            : new RunOptions
            {
                Host = host,
                ControlPlane = host,
                Rounds = 7,
                Load = TimeSpan.FromSeconds(6),
                WarmUp = TimeSpan.FromSeconds(12),
            };
}
