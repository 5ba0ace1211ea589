using System.Diagnostics;
using System.Text;

namespace Serving.Tests.Support;

/// <summary><c>Serving.Host</c> as a separate process, with its output recorded: the build, or a published program.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    /// <summary>The path of a published host to test instead of the build: it starts with less work, and is what is installed.</summary>
    private const string PublishedVariable = "SERVING_TEST_HOST";

    private readonly StringBuilder _output = new();
    private readonly Process _process;

    private HostProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>The path of the host's assembly, of the same build configuration as the tests.</summary>
    public static string Assembly { get; } =
        Repository.PathOf(
            "Serving.Host",
            "bin",
            AppContext.BaseDirectory.Contains(
                $"{Path.DirectorySeparatorChar}Release{Path.DirectorySeparatorChar}",
                StringComparison.Ordinal
            )
                ? "Release"
                : "Debug",
            "net10.0",
            "Serving.Host.dll"
        );

    /// <summary>The words that start the host, before its arguments.</summary>
    public static IReadOnlyList<string> Command { get; } =
        Environment.GetEnvironmentVariable(PublishedVariable) is { Length: > 0 } published ? [published] : ["dotnet", Assembly];

    /// <summary>Its output so far, standard output and error combined.</summary>
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

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Starts the host.</summary>
    public static HostProcess Start(params string[] arguments) => StartIn(new Dictionary<string, string>(), arguments);

    /// <summary>Starts it with additional environment variables, such as those of a pod's container.</summary>
    public static HostProcess StartIn(IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(Command[0], [.. Command.Skip(1), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
        };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return new HostProcess(Process.Start(start)!);
    }

    /// <summary>Waits until it ends, and returns its exit code.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan limit)
    {
        using var deadline = new CancellationTokenSource(limit);
        await _process.WaitForExitAsync(deadline.Token);
        return _process.ExitCode;
    }

    /// <summary>Stops it with SIGTERM, as an init system would.</summary>
    public Task TerminateAsync() => SignalAsync("TERM");

    /// <summary>Sends it a signal by name, such as <c>STOP</c>; does nothing when it has ended.</summary>
    public async Task SignalAsync(string name)
    {
        if (!_process.HasExited)
        {
            using var kill = Process.Start("kill", [$"-{name}", $"{_process.Id}"])!;
            await kill.WaitForExitAsync();
        }
    }

    /// <summary>Kills it, but not its children.</summary>
    public void Kill() => _process.Kill(entireProcessTree: false);

    /// <summary>Its current descendants, from <c>/proc</c>.</summary>
    public IReadOnlyList<int> Descendants()
    {
        var parents = new Dictionary<int, int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            try
            {
                var stat = File.ReadAllText(Path.Combine(folder, "stat"));
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                parents[int.Parse(Path.GetFileName(folder), System.Globalization.CultureInfo.InvariantCulture)] = int.Parse(
                    fields[1],
                    System.Globalization.CultureInfo.InvariantCulture
                );
            }
            catch (IOException)
            {
                // It ended meanwhile.
            }
        }

        var found = new List<int>();
        var wanted = new Queue<int>([_process.Id]);
        while (wanted.TryDequeue(out var parent))
        {
            foreach (var child in parents.Where(entry => entry.Value == parent).Select(entry => entry.Key))
            {
                found.Add(child);
                wanted.Enqueue(child);
            }
        }

        return found;
    }

    public async ValueTask DisposeAsync()
    {
        await TerminateAsync();
        try
        {
            await WaitForExitAsync(TimeSpan.FromSeconds(30));
        }
        catch (OperationCanceledException)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
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
