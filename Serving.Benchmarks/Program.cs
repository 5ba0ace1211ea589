using System.Globalization;
using System.Net;
using BenchmarkDotNet.Running;
using Serving.Benchmarks;
using Serving.Benchmarks.Report;
using Serving.Benchmarks.Soak;

// "user-container PORT" runs the program behind the measured sidecar, "soak HOST.dll [SECONDS] [HEAP-MiB]" runs a soak test of the gateway,
// "report HOST.dll" measures everything and writes docs/benchmarks.md, and the name of a scenario in its place measures that one,
// "telemetry HOST.dll [ROUNDS] [SECONDS]" measures what telemetry costs; other arguments select benchmarks.
if (args is ["user-container", var port])
{
    await UserContainer.RunAsync(int.Parse(port, CultureInfo.InvariantCulture));
    return;
}

if (args is ["hostile", var gateway, var good, var busy, var kinds])
{
    await HostileProcess.RunAsync(IPEndPoint.Parse(gateway), good, busy, Enum.Parse<HostileKinds>(kinds));
    return;
}

if (args is ["soak", var host, .. var rest])
{
    int Number(int index, int absent) => rest.Length > index ? int.Parse(rest[index], CultureInfo.InvariantCulture) : absent;
    Environment.ExitCode = await SoakCommand.RunAsync(host, Number(0, 300), Number(1, 384));
    return;
}

if (args is ["render", .. var directory] && directory.Length <= 1)
{
    ReportCommand.Render(directory is [var output] ? output : "docs");
    return;
}

if (args is [var command, .. var arguments] && (command == "report" || ReportCommand.Scenarios.Any(one => one.Text.Name == command)))
{
    Environment.ExitCode = await ReportCommand.RunAsync(command, arguments);
    return;
}

if (args is ["telemetry", var measured, .. var settings])
{
    int Setting(int index, int absent) => settings.Length > index ? int.Parse(settings[index], CultureInfo.InvariantCulture) : absent;
    await TelemetryCommand.RunAsync(measured, Setting(0, 5), Setting(1, 10));
    return;
}

BenchmarkSwitcher.FromAssembly(typeof(UserContainer).Assembly).Run(args);
