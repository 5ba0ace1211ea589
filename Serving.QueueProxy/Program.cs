using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Serving.Concurrency;
using Serving.Concurrency.Sockets;
using Serving.Observability.Telemetry;
using Serving.QueueProxy;
using Serving.QueueProxy.Telemetry;

InlineCompletions.Enable();

QueueProxyConfig config;
ILoggerFactory? export;
var exportFailures = new ExportFailures();
try
{
    config = QueueProxyConfig.Read(Environment.GetEnvironmentVariable);
    export = SidecarTelemetry.LogExport(config, exportFailures);
}
catch (FormatException exception)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}

var level = LoggingLevel.Of(
    Environment.GetEnvironmentVariable("SERVING_LOGGING_LEVEL"),
    Environment.GetEnvironmentVariable("SERVING_LOGGING_CONFIG")
);
using var loggers = new StandardErrorLogger(level, $"{config.Namespace}/{config.Revision}", config.Pod, TimeProvider.System, export);
exportFailures.LogTo(loggers.CreateLogger("Serving.QueueProxy.Telemetry"));
var background = loggers.CreateLogger("Serving.Background");
using var failures = BackgroundFailure.Listen((what, failure) => background.LogError(failure, "{What} failed", what));
BackgroundFailure.ObserveTasks();
var terminated = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Terminate);
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Terminate);

try
{
    await using var server = new QueueProxyServer(config, Environment.GetEnvironmentVariable, TimeProvider.System, loggers);
    await server.StartAsync(CancellationToken.None);
    await terminated.Task;
    await server.DrainAsync(CancellationToken.None);
    return 0;
}
catch (Exception exception) when (exception is IOException or FormatException or CryptographicException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}

void Terminate(PosixSignalContext signal)
{
    signal.Cancel = true;
    terminated.TrySetResult();
}
