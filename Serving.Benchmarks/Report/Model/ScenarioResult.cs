namespace Serving.Benchmarks.Report.Model;

/// <summary>What a scenario measured.</summary>
internal sealed record ScenarioResult
{
    /// <summary>The name on the command line.</summary>
    public required string Name { get; init; }

    /// <summary>The figures, those with goals first.</summary>
    public required IReadOnlyList<Figure> Figures { get; init; }

    /// <summary>Absolute figures beside each other.</summary>
    public required IReadOnlyList<ResultTable> Tables { get; init; }

    /// <summary>The plots.</summary>
    public required IReadOnlyList<PlotSpec> Plots { get; init; }

    /// <summary>What this machine or the run differs in from the scenario.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>What could not be measured, and why.</summary>
    public required IReadOnlyList<string> NotMeasured { get; init; }

    /// <summary>Why the scenario ended early; null when it did not.</summary>
    public string? Failure { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset Began { get; init; }

    /// <summary>How long it took, in seconds.</summary>
    public required double Seconds { get; init; }

    /// <summary>The load average over one minute at the start: above the number of cores, others took part of the machine.</summary>
    public required double LoadAtStart { get; init; }

    /// <summary>The load average over one minute at the end; it contains the load of the scenario.</summary>
    public required double LoadAtEnd { get; init; }
}
