using System.Globalization;

namespace Serving.Benchmarks.Report.Model;

/// <summary>The machine of a run.</summary>
/// <param name="Processor">The model of its processor.</param>
/// <param name="Cores">The cores that the process may use.</param>
/// <param name="MemoryMebibytes">Its memory.</param>
/// <param name="Kernel">The operating system's kernel.</param>
/// <param name="Runtime">The .NET runtime.</param>
internal sealed record Machine(string Processor, int Cores, int MemoryMebibytes, string Kernel, string Runtime)
{
    /// <summary>From the texts of <c>/proc/cpuinfo</c> and <c>/proc/meminfo</c>.</summary>
    public static Machine Of(string cpuInfo, string memInfo, int cores, string kernel, string runtime) =>
        new(
            Value(cpuInfo, "model name") is { Length: > 0 } model ? model : "unknown",
            cores,
            (int)(Kibibytes(memInfo, "MemTotal") / 1024),
            kernel,
            runtime
        );

    /// <summary>A line of <c>/proc/meminfo</c>, in KiB; 0 when there is none.</summary>
    public static long Kibibytes(string memInfo, string name) =>
        long.TryParse(Value(memInfo, name).Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;

    /// <summary>The load average over one minute in the text of <c>/proc/loadavg</c>.</summary>
    public static double LoadAverage(string loadavg) => double.Parse(loadavg.Split(' ')[0], CultureInfo.InvariantCulture);

    private static string Value(string text, string name) =>
        text.Split('\n')
            .Select(static line => line.Split(':', 2))
            .Where(parts => parts.Length == 2 && parts[0].Trim() == name)
            .Select(static parts => parts[1].Trim())
            .FirstOrDefault("");
}
