namespace Serving.Benchmarks.Processes;

/// <summary>Programs that are used when they are installed.</summary>
internal static class Programs
{
    /// <summary>A program's path on the PATH, or where Debian installs those of administrators; null when it is not there.</summary>
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Append("/usr/sbin")
            .Select(directory => Path.Combine(directory, name))
            .FirstOrDefault(File.Exists);
}
