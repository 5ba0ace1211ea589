using System.Globalization;
using Serving.Api.Core;

namespace Serving.Controller.Revisions;

/// <summary>Describes how a container ended. Pure.</summary>
internal static class Terminations
{
    private const int ErrorSignals = 128;

    /// <summary>The container's termination message, and the meaning of its exit code when the message does not explain it; empty for a
    /// successful exit without a message.</summary>
    public static string Describe(ContainerStateTerminated end)
    {
        var words = end.Message.TrimEnd();
        if (Meaning(end) is not { } meaning)
        {
            return words.Length > 0 || end.ExitCode == 0
                ? words
                : string.Create(CultureInfo.InvariantCulture, $"exit code {end.ExitCode}, without a termination message or a log");
        }

        return words.Length > 0 ? $"{words} ({meaning})" : meaning;
    }

    private static string? Meaning(ContainerStateTerminated end)
    {
        if (end.Reason == "OOMKilled")
        {
            return "OOMKilled: the container used more memory than resources.limits.memory allows; raise it, or use less";
        }

        if (end.Message.Contains("exec format error", StringComparison.OrdinalIgnoreCase))
        {
            return "the program is for another processor architecture than the node's, or a script without #! in its first line";
        }

        if (
            end.Message.Contains("executable file not found", StringComparison.Ordinal)
            || (end.Message.Contains("no such file or directory", StringComparison.Ordinal) && end.Reason == "StartError")
        )
        {
            return "the image has no such program: look at command and args of the container";
        }

        return end.Message.Length > 0
            ? null
            : end.ExitCode switch
            {
                126 => "exit code 126: the command is there but cannot be executed; look at its permissions",
                127 => "exit code 127: the command was not found in the image; look at command and args of the container",
                137 => "exit code 137: the container was killed (SIGKILL), as by its liveness probe or for want of memory",
                143 => "exit code 143: the container was terminated (SIGTERM)",
                139 => "exit code 139: the program crashed (SIGSEGV)",
                > ErrorSignals and < 160 => string.Create(
                    CultureInfo.InvariantCulture,
                    $"exit code {end.ExitCode}: ended by signal {end.ExitCode - ErrorSignals}"
                ),
                _ => null,
            };
    }
}
