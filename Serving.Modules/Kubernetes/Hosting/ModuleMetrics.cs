using System.Diagnostics.Metrics;

namespace Serving.Kubernetes.Hosting;

/// <summary>Metrics of the modules of a process. They cost nothing while nothing listens to the meter.</summary>
public static class ModuleMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Kubernetes.Hosting";

    private static readonly Meter Meter = new(MeterName);

    private static readonly Counter<long> Failures = Meter.CreateCounter<long>(
        "serving.module.failures",
        "{failure}",
        "Number of times a module failed and was restarted"
    );

    internal static void Failed(string module) => Failures.Add(1, new KeyValuePair<string, object?>("module", module));
}
