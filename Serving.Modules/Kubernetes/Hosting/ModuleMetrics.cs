using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.Kubernetes.Hosting;

/// <summary>Metrics of the modules of a process. They cost nothing while nothing listens to the meter.</summary>
public static class ModuleMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Kubernetes.Hosting";

    private static readonly MetricAttribute Module = new("module", "the module, as in `--modules`");

    private static readonly Meter Meter = new(MeterName);

    private static readonly Counter<long> Failures = Meter
        .CreateCounter<long>("serving.module.failures", "{failure}", "Number of times a module failed and was restarted")
        .With(Module);

    /// <summary>The module runs in this process.</summary>
    internal static void Runs(string module) => Failures.StartingAtZero(Module.Of(module));

    internal static void Failed(string module) => Failures.Add(1, Module.Of(module));
}
