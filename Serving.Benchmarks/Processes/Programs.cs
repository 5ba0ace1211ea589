using System.Diagnostics;

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

    /// <summary>Runs a program to its end.</summary>
    /// <param name="name">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="limit">When it is killed.</param>
    /// <returns>What it wrote to standard output.</returns>
    /// <exception cref="InvalidOperationException">It failed, or is not installed.</exception>
    /// <exception cref="TimeoutException">It did not end in time.</exception>
    public static async Task<string> RunAsync(string name, IReadOnlyList<string> arguments, TimeSpan limit)
    {
        using var process = Process.Start(
            new ProcessStartInfo(Find(name) ?? throw new InvalidOperationException($"{name} is not on the PATH."), arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var timeout = new CancellationTokenSource(limit);
        try
        {
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"{name} {string.Join(' ', arguments)} did not end within {limit}:\n{await output}{await error}");
        }

        return process.ExitCode == 0
            ? await output
            : throw new InvalidOperationException($"{name} {string.Join(' ', arguments)} ended with {process.ExitCode}: {await error}");
    }
}
