using System.CommandLine;
using Serving.Host;
using Serving.Host.Commands;

var root = new RootCommand("Knative Serving as one process.")
{
    LocalCommand.Create(),
    RunCommand.Create(),
    CrdsCommand.Create(),
    StorageMigrateCommand.Create(),
};

var parsed = root.Parse(args);
if (parsed.Errors.Count > 0)
{
    await Console.Error.WriteLineAsync($"error: {parsed.Errors[0].Message} Try --help.");
    return ExitCode.Usage;
}

try
{
    // The commands drain on their own when they are told to stop; the parser's default would cut them off.
    return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
}
catch (UserErrorException failure)
{
    await Console.Error.WriteLineAsync($"error: {failure.Message}");
    return ExitCode.Failed;
}
