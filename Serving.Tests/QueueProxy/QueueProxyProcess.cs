using System.Collections.Concurrent;
using System.Diagnostics;
using NUnit.Framework;

namespace Serving.Tests.QueueProxy;

/// <summary>
/// The sidecar as a separate process: that of this build, or the native program in <c>SERVING_TEST_QUEUE_PROXY</c>.
/// </summary>
internal sealed class QueueProxyProcess : Sidecar, IDisposable
{
    private const string ProgramVariable = "SERVING_TEST_QUEUE_PROXY";

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly ConcurrentQueue<string> _errors = new();

    private QueueProxyProcess(Process process, SidecarEndpoints endpoints)
        : base(endpoints)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Keep(_output, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(_errors, line.Data);
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();

        static void Keep(ConcurrentQueue<string> lines, string? line)
        {
            TestContext.Progress.WriteLine(line);
            if (line is not null)
                lines.Enqueue(line);
        }
    }

    public override Task<bool> HasExitedAsync() => Task.FromResult(_process.HasExited);

    /// <summary>The lines of its standard output so far.</summary>
    public IReadOnlyCollection<string> Output => _output;

    /// <summary>The lines of its standard error so far.</summary>
    public IReadOnlyCollection<string> Errors => _errors;

    public static QueueProxyProcess Start(int userPort, params (string Name, string Value)[] variables)
    {
        var endpoints = NextEndpoints();
        var native = Environment.GetEnvironmentVariable(ProgramVariable);
        var start = new ProcessStartInfo(string.IsNullOrEmpty(native) ? "dotnet" : native)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        };
        if (string.IsNullOrEmpty(native))
            start.ArgumentList.Add(typeof(global::Serving.QueueProxy.QueueProxyServer).Assembly.Location);
        foreach (var (name, value) in VariablesOf(endpoints, userPort, variables))
            start.Environment[name] = value;
        return new QueueProxyProcess(Process.Start(start)!, endpoints);
    }

    public override Task<string> OutputAsync() => Task.FromResult(string.Join('\n', [.. _output, .. _errors]));

    public override async Task TerminateAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", Text(_process.Id)]);
        await kill.WaitForExitAsync();
    }

    public override async Task<int> ExitCodeAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        return _process.ExitCode;
    }

    public override ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }
}
