namespace Serving.Benchmarks.Soak;

/// <summary>The result of a soak test.</summary>
internal sealed record SoakReport
{
    /// <summary>The rate of good requests per second.</summary>
    public required int Rate { get; init; }

    /// <summary>The phases; in the first, good requests are alone.</summary>
    public required IReadOnlyList<SoakPhase> Phases { get; init; }

    /// <summary>The number of failed good requests.</summary>
    public required int Failed { get; init; }

    /// <summary>The errors of the first failed ones.</summary>
    public required IReadOnlyList<string> Failures { get; init; }

    /// <summary>Resident memory of the process with hostile clients, every five seconds.</summary>
    public required IReadOnlyList<double> ResidentMebibytes { get; init; }
}
