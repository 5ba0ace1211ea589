using System.CommandLine;
using Serving.Host.Commands;

namespace Serving.Host;

/// <summary>
/// The command line, from arguments to exit code. Invariant: every failure prints one line to standard error that begins with
/// <c>error:</c>, and never a stack trace.
/// </summary>
internal static class CommandLine
{
    /// <summary>The commands.</summary>
    public static RootCommand Create() =>
        new("Knative Serving as one process.")
        {
            LocalCommand.Create(),
            RunCommand.Create(),
            CrdsCommand.Create(),
            StorageMigrateCommand.Create(),
            DefaultDomainCommand.Create(),
        };

    /// <summary>Runs a command.</summary>
    /// <param name="root">The commands.</param>
    /// <param name="args">The arguments.</param>
    /// <param name="error">The output for errors.</param>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public static async Task<int> InvokeAsync(RootCommand root, string[] args, TextWriter error)
    {
        try
        {
            var parsed = root.Parse(args);
            if (parsed.Errors.Count > 0)
            {
                await error.WriteLineAsync(
                    $"error: {string.Join(' ', parsed.Errors.Select(wrong => wrong.Message).Distinct())} Try --help."
                );
                return ExitCode.Usage;
            }

            // The commands drain on their own on shutdown; the parser's default timeout would abort them.
            return await parsed.InvokeAsync(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }
            );
        }
        catch (UserErrorException failure)
        {
            await error.WriteLineAsync($"error: {PlainText.Of(failure)}");
            return ExitCode.Failed;
        }
        catch (Exception failure)
        {
            await error.WriteLineAsync($"error: {PlainText.Of(failure)} ({failure.GetType().Name})");
            return ExitCode.Failed;
        }
    }

    /// <summary>Ends the process with one line for an unhandled exception, such as on a timer's thread.</summary>
    public static void WatchThreads(TextWriter error) =>
        AppDomain.CurrentDomain.UnhandledException += (_, thrown) =>
        {
            var failure = thrown.ExceptionObject as Exception ?? new InvalidOperationException($"{thrown.ExceptionObject}");
            error.WriteLine($"error: {PlainText.Of(failure)} ({failure.GetType().Name}); this is a bug, please report it");
            error.Flush();
            Environment.Exit(ExitCode.Failed);
        };
}
