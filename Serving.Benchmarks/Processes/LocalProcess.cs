using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace Serving.Benchmarks.Processes;

/// <summary>A process that this program started, with its output, CPU time and memory.</summary>
internal sealed class LocalProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(30);

    private readonly StringBuilder _output = new();
    private readonly Process _process;

    /// <param name="program">The path of the program, its name on the PATH, or the path of a .dll, which <c>dotnet</c> runs.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables that it gets beside those of this process.</param>
    public LocalProcess(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var isAssembly = program.EndsWith(".dll", StringComparison.Ordinal);
        var start = new ProcessStartInfo(isAssembly ? "dotnet" : program, isAssembly ? [program, .. arguments] : arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Append(line.Data);
        _process.ErrorDataReceived += (_, line) => Append(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Its output so far.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>The CPU time that it has used.</summary>
    public TimeSpan Cpu
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    /// <summary>Its resident memory that no file backs, in MiB: what the operating system can get back only from the process.</summary>
    public double AnonymousMebibytes => Memory("RssAnon:");

    /// <summary>Its resident memory in MiB.</summary>
    public double ResidentMebibytes => Memory("VmRSS:");

    /// <summary>Waits until its output contains a text.</summary>
    public async Task SaysAsync(string text)
    {
        var watch = Stopwatch.StartNew();
        while (!Output.Contains(text, StringComparison.Ordinal))
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"It exited with code {_process.ExitCode}:\n{Output}");
            if (watch.Elapsed > StartLimit)
                throw new TimeoutException($"\"{text}\" did not appear within {StartLimit}:\n{Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            using var kill = Process.Start("kill", ["-TERM", Id.ToString(CultureInfo.InvariantCulture)]);
            using var limit = new CancellationTokenSource(StopLimit);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
            }
        }

        _process.Dispose();
    }

    private double Memory(string field)
    {
        var line = File.ReadLines($"/proc/{Id}/status").First(line => line.StartsWith(field, StringComparison.Ordinal));
        var kibibytes = long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
        return Math.Round(kibibytes / 1024.0, 1);
    }

    private void Append(string? line)
    {
        if (line is not null)
        {
            lock (_output)
            {
                _output.AppendLine(line);
            }
        }
    }
}
