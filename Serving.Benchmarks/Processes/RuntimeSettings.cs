namespace Serving.Benchmarks.Processes;

/// <summary>The variables of <c>deploy/workload/deployment.yaml</c> that tune the runtime, which reads them from nowhere else.</summary>
internal static class RuntimeSettings
{
    /// <summary>What an installed host has, and a measured one.</summary>
    public static IReadOnlyDictionary<string, string> Installed { get; } =
        new Dictionary<string, string> { ["DOTNET_TieredPGO_InstrumentOnlyHotCode"] = "0" };
}
