namespace Serving.Benchmarks.Soak;

/// <summary>The result of a soak test.</summary>
internal sealed record SoakReport
{
    /// <summary>The rate of good requests per second.</summary>
    public required int Rate { get; init; }

    /// <summary>The number of good requests without hostile clients.</summary>
    public required int RequestsAlone { get; init; }

    /// <summary>The number of good requests with hostile clients.</summary>
    public required int RequestsBeside { get; init; }

    /// <summary>The number of failed good requests.</summary>
    public required int Failed { get; init; }

    /// <summary>The errors of the first failed ones.</summary>
    public required IReadOnlyList<string> Failures { get; init; }

    public required double P50MillisecondsAlone { get; init; }

    public required double P99MillisecondsAlone { get; init; }

    public required double P50MillisecondsBeside { get; init; }

    public required double P99MillisecondsBeside { get; init; }

    /// <summary>The number of connections by hostile clients.</summary>
    public required long HostileConnections { get; init; }

    /// <summary>Resident memory of the process with hostile clients, every five seconds.</summary>
    public required IReadOnlyList<double> ResidentMebibytes { get; init; }
}
