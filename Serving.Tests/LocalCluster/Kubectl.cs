using System.Diagnostics;

namespace Serving.Tests.LocalCluster;

/// <summary>The real kubectl against an API server of a test.</summary>
internal static class Kubectl
{
    /// <summary>Skips the test where kubectl is not on the PATH.</summary>
    public static void Assume()
    {
        var found = (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(':')
            .Any(directory => File.Exists(Path.Combine(directory, "kubectl")));
        NUnit.Framework.Assume.That(found, "kubectl is not on the PATH");
    }

    /// <summary>Runs a command and returns the output of both streams.</summary>
    /// <param name="kubeconfig">The kubeconfig; its directory is kubectl's home.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="input">The standard input.</param>
    public static async Task<string> RunAsync(string kubeconfig, string arguments, string? input = null)
    {
        using var process = Process.Start(
            new ProcessStartInfo("kubectl", arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                Environment = { ["KUBECONFIG"] = kubeconfig, ["HOME"] = Path.GetDirectoryName(kubeconfig) },
            }
        )!;
        if (input is not null)
        {
            await process.StandardInput.WriteAsync(input);
        }

        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(60));
        return await output + await error;
    }
}
