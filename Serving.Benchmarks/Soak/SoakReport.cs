namespace Serving.Benchmarks.Soak;

/// <summary>What a soak found.</summary>
internal sealed record SoakReport
{
    /// <summary>Good requests a second.</summary>
    public required int Rate { get; init; }

    /// <summary>Good requests without hostile clients.</summary>
    public required int RequestsAlone { get; init; }

    /// <summary>Good requests beside them.</summary>
    public required int RequestsBeside { get; init; }

    /// <summary>Good requests that failed.</summary>
    public required int Failed { get; init; }

    /// <summary>How the first of them did.</summary>
    public required IReadOnlyList<string> Failures { get; init; }

    public required double P50MillisecondsAlone { get; init; }

    public required double P99MillisecondsAlone { get; init; }

    public required double P50MillisecondsBeside { get; init; }

    public required double P99MillisecondsBeside { get; init; }

    /// <summary>Connections that hostile clients made.</summary>
    public required long HostileConnections { get; init; }

    /// <summary>Resident memory of the process beside hostile clients, every five seconds.</summary>
    public required IReadOnlyList<double> ResidentMebibytes { get; init; }
}
