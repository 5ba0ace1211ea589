using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.QueueProxy;

/// <summary>
/// The sidecar as a separate process, on free ports of its own loopback address: that of this build, or the native program in
/// <c>SERVING_TEST_QUEUE_PROXY</c>.
/// </summary>
internal sealed class QueueProxyProcess : IDisposable
{
    private const string ProgramVariable = "SERVING_TEST_QUEUE_PROXY";

    private static int _last;

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly ConcurrentQueue<string> _errors = new();

    private QueueProxyProcess(Process process, IPAddress address, int[] ports)
    {
        _process = process;
        (Serving, Admin, Stats, UserMetrics) = (Uri("http", ports[0]), Uri("http", ports[1]), Uri("http", ports[2]), Uri("http", ports[3]));
        Tls = Uri("https", ports[4]);
        process.OutputDataReceived += (_, line) => Keep(_output, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(_errors, line.Data);
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();

        Uri Uri(string scheme, int port) => new($"{scheme}://{address}:{port}/");

        static void Keep(ConcurrentQueue<string> lines, string? line)
        {
            TestContext.Progress.WriteLine(line);
            if (line is not null) lines.Enqueue(line);
        }
    }

    public Uri Serving { get; }

    public Uri Admin { get; }

    public Uri Stats { get; }

    public Uri UserMetrics { get; }

    public Uri Tls { get; }

    /// <summary>Whether it has exited.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>The lines of its standard output so far.</summary>
    public IReadOnlyCollection<string> Output => _output;

    /// <summary>The lines of its standard error so far.</summary>
    public IReadOnlyCollection<string> Errors => _errors;

    public static QueueProxyProcess Start(int userPort, params (string Name, string Value)[] variables)
    {
        var address = new IPAddress([127, 98, (byte)(Environment.ProcessId % 250), (byte)(1 + (Interlocked.Increment(ref _last) % 250))]);
        var ports = FreePorts.Of(address, 5);
        var native = Environment.GetEnvironmentVariable(ProgramVariable);
        var start = new ProcessStartInfo(string.IsNullOrEmpty(native) ? "dotnet" : native) { RedirectStandardError = true, RedirectStandardOutput = true };
        if (string.IsNullOrEmpty(native)) start.ArgumentList.Add(typeof(global::Serving.QueueProxy.QueueProxyServer).Assembly.Location);
        var environment = start.Environment;
        environment["SERVING_NAMESPACE"] = "ns";
        environment["SERVING_CONFIGURATION"] = "config";
        environment["SERVING_REVISION"] = "rev";
        environment["SERVING_POD"] = "pod-1";
        environment["SERVING_POD_IP"] = address.ToString();
        environment["QUEUE_SERVING_PORT"] = Text(ports[0]);
        environment["QUEUE_SERVING_TLS_PORT"] = Text(ports[4]);
        environment["QUEUE_USER_METRICS_PORT"] = Text(ports[3]);
        environment["QUEUE_ADMIN_PORT"] = Text(ports[1]);
        environment["QUEUE_METRICS_PORT"] = Text(ports[2]);
        environment["USER_PORT"] = Text(userPort);
        environment["CONTAINER_CONCURRENCY"] = "0";
        environment["REVISION_TIMEOUT_SECONDS"] = "30";
        environment["SERVING_READINESS_PROBE"] = $$"""{"tcpSocket":{"host":"127.0.0.1","port":{{userPort}}},"successThreshold":1}""";
        foreach (var (name, value) in variables) environment[name] = value;
        return new QueueProxyProcess(Process.Start(start)!, address, ports);
    }

    /// <summary>Waits until it reports that the user's program is ready.</summary>
    public Task ReadyAsync(HttpClient client) => Eventually.HoldsAsync(
        async () =>
        {
            using var response = await ProbeAsync(client);
            (await response.Content.ReadAsStringAsync()).Should().Be("queue");
        },
        TimeSpan.FromSeconds(30));

    /// <summary>Probes its readiness like the kubelet.</summary>
    public async Task<HttpResponseMessage> ProbeAsync(HttpClient client)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Serving);
        request.Headers.Add("K-Network-Probe", "queue");
        request.Headers.TryAddWithoutValidation("User-Agent", "kube-probe/1.30");
        return await client.SendAsync(request);
    }

    public void Terminate()
    {
        using var kill = Process.Start("kill", ["-TERM", Text(_process.Id)]);
        kill.WaitForExit();
    }

    public async Task<int> ExitCodeAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
