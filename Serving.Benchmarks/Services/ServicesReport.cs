namespace Serving.Benchmarks.Services;

/// <summary>The result of one run.</summary>
internal sealed record ServicesReport
{
    /// <summary>The number of Services.</summary>
    public required int Services { get; init; }

    /// <summary>From the first create until every Service is Ready.</summary>
    public required double SecondsUntilReady { get; init; }

    /// <summary>From the first create until every Service is created.</summary>
    public required double SecondsUntilCreated { get; init; }

    /// <summary>CPU time of the leader per Service, in milliseconds.</summary>
    public required double LeaderMilliseconds { get; init; }

    /// <summary>CPU time of the standby per Service, in milliseconds.</summary>
    public required double StandbyMilliseconds { get; init; }

    /// <summary>CPU time of the API server per Service, in milliseconds.</summary>
    public required double ApiServerMilliseconds { get; init; }

    /// <summary>CPU time of the node and of Kubernetes' own controllers per Service, in milliseconds.</summary>
    public required double NodeMilliseconds { get; init; }

    /// <summary>Writes per Service.</summary>
    public required double Writes { get; init; }

    /// <summary>Number of writes by verb and resource.</summary>
    public required IReadOnlyDictionary<string, int> WritesByKind { get; init; }

    /// <summary>The leader's resident memory before, with and after the Services, in MiB.</summary>
    public required MemorySamples Leader { get; init; }

    /// <summary>The same of the standby.</summary>
    public required MemorySamples Standby { get; init; }

    /// <summary>From the first delete until nothing is left.</summary>
    public required double SecondsUntilDeleted { get; init; }
}

/// <summary>Resident memory in MiB: when idle, with the Services, and after they were deleted.</summary>
internal sealed record MemorySamples(double Idle, double With, double After);
