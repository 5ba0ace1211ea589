using System.Diagnostics.Metrics;

namespace Serving.Kubernetes.Hosting;

/// <summary>What a process reports of its modules. Costs nothing while nobody listens to the meter.</summary>
public static class ModuleMetrics
{
    /// <summary>The meter to listen to.</summary>
    public const string MeterName = "Serving.Kubernetes.Hosting";

    private static readonly Meter Meter = new(MeterName);

    private static readonly Counter<long> Failures = Meter.CreateCounter<long>(
        "serving.module.failures",
        "{failure}",
        "Number of times a module failed and was run again"
    );

    internal static void Failed(string module) => Failures.Add(1, new KeyValuePair<string, object?>("module", module));
}
