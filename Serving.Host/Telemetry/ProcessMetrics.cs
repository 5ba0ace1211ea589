using System.Diagnostics.Metrics;
using System.Reflection;
using Serving.Instruments;

namespace Serving.Host.Telemetry;

/// <summary>
/// What .NET's own meter <c>System.Runtime</c> does not report about the process. Everything is read when metrics are collected.
/// </summary>
internal sealed class ProcessMetrics : IDisposable
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Process";

    private const string Descriptors = "/proc/self/fd";

    private static readonly MetricAttribute Version = new("version", "the version of the program");

    private readonly Meter _meter = new(MeterName);

    /// <param name="time">The clock of the uptime.</param>
    public ProcessMetrics(TimeProvider time)
    {
        var started = time.GetTimestamp();
        _meter.CreateObservableGauge(
            "process.uptime",
            () => time.GetElapsedTime(started).TotalSeconds,
            "s",
            "How long the process has been running"
        );
        _meter
            .CreateObservableGauge(
                "serving.build.info",
                () => new Measurement<long>(1, Version.Of(ProductVersion)),
                "{build}",
                "Always 1; the attribute names the version"
            )
            .With(Version);
        _meter.CreateObservableGauge(
            "process.memory.limit",
            MemoryLimit.Read,
            "By",
            "The memory that the process may use: the limit of its container, else the memory of the machine"
        );
        _meter.CreateObservableUpDownCounter(
            "process.open_file_descriptor.count",
            static () =>
                Directory.Exists(Descriptors)
                    ? [new Measurement<long>(Directory.EnumerateFileSystemEntries(Descriptors).LongCount())]
                    : Array.Empty<Measurement<long>>(),
            "{file_descriptor}",
            "Open file descriptors of the process, sockets included"
        );
    }

    /// <summary>The version of the program.</summary>
    public static string ProductVersion { get; } =
        typeof(ProcessMetrics).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    public void Dispose() => _meter.Dispose();
}
