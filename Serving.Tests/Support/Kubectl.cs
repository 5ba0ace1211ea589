using System.Diagnostics;
using NUnit.Framework;

namespace Serving.Tests.Support;

/// <summary>The real kubectl, for tests of kubectl compatibility and of manifests.</summary>
internal static class Kubectl
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    /// <summary>Skips the test with a reason when kubectl is not installed.</summary>
    public static void Require()
    {
        if (!(Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, "kubectl"))))
        {
            Assert.Ignore("kubectl is not on the PATH");
        }
    }

    /// <summary>Runs kubectl, or a program that calls it, and returns its exit code and output.</summary>
    public static async Task<(int Code, string Output)> RunAsync(string program, IReadOnlyList<string> arguments, string? kubeconfig = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
        };
        if (kubeconfig is not null)
        {
            start.Environment["KUBECONFIG"] = kubeconfig;
            start.Environment["HOME"] = Path.GetDirectoryName(kubeconfig);
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Limit);
        return (process.ExitCode, await output + await error);
    }
}
