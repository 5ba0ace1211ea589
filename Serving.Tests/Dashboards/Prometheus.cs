using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Dashboards;

/// <summary>A real Prometheus on a loopback port, with its own data.</summary>
internal sealed class Prometheus : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ToolLimit = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly HttpClient _http;

    private Prometheus(Process process, int port)
    {
        _process = process;
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = StartLimit };
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Skips the test with a reason when Prometheus is not installed.</summary>
    public static void Require() => Require("prometheus");

    /// <summary>Skips the test with a reason when promtool is not installed.</summary>
    public static void RequireTool() => Require("promtool");

    /// <summary>Runs promtool, and returns its exit code and output.</summary>
    public static async Task<(int Code, string Output)> ToolAsync(IReadOnlyList<string> arguments)
    {
        using var process = Start("promtool", arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(ToolLimit);
        return (process.ExitCode, await output + await error);
    }

    /// <summary>Starts it and waits until it is ready.</summary>
    /// <param name="config">The configuration file.</param>
    /// <param name="data">The folder of its data.</param>
    public static async Task<Prometheus> StartAsync(string config, string data)
    {
        var port = FreePorts.Next();
        var prometheus = new Prometheus(
            Start(
                "prometheus",
                [$"--config.file={config}", $"--storage.tsdb.path={data}", $"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
            ),
            port
        );
        try
        {
            await Eventually.HoldsAsync(
                async () =>
                {
                    prometheus._process.HasExited.Should().BeFalse(prometheus.Output);
                    using var ready = await prometheus._http.GetAsync("/-/ready");
                    ready.StatusCode.Should().Be(HttpStatusCode.OK, prometheus.Output);
                },
                StartLimit
            );
            return prometheus;
        }
        catch
        {
            await prometheus.DisposeAsync();
            throw;
        }
    }

    /// <summary>What it has logged.</summary>
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

    /// <summary>Evaluates an expression now.</summary>
    public async Task<IReadOnlyList<PrometheusSeries>> QueryAsync(string expression) =>
        Series(await AskAsync("/api/v1/query", ("query", expression)), "value");

    /// <summary>Evaluates an expression at each step of a time.</summary>
    public async Task<IReadOnlyList<PrometheusSeries>> QueryAsync(
        string expression,
        DateTimeOffset from,
        DateTimeOffset to,
        TimeSpan step
    ) =>
        Series(
            await AskAsync(
                "/api/v1/query_range",
                ("query", expression),
                ("start", Seconds(from)),
                ("end", Seconds(to)),
                ("step", step.TotalSeconds.ToString(CultureInfo.InvariantCulture))
            ),
            "values"
        );

    /// <summary>Asks for a document of its API. Throws <see cref="InvalidOperationException"/> with its error when it refuses.</summary>
    public async Task<JsonNode> AskAsync(string path, params (string Name, string Value)[] parameters)
    {
        using var form = new FormUrlEncodedContent(parameters.Select(static one => KeyValuePair.Create(one.Name, one.Value)));
        using var request = new HttpRequestMessage(parameters.Length > 0 ? HttpMethod.Post : HttpMethod.Get, path);
        request.Content = parameters.Length > 0 ? form : null;
        using var response = await _http.SendAsync(request);
        var body = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        return body["status"]!.ToString() == "success"
            ? body["data"]!
            : throw new InvalidOperationException($"{body["error"]}: {string.Join(", ", parameters)}");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        if (!_process.HasExited)
        {
            using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"])!;
            await kill.WaitForExitAsync();
        }

        try
        {
            await _process.WaitForExitAsync().WaitAsync(StartLimit);
        }
        catch (TimeoutException)
        {
            _process.Kill();
        }

        _process.Dispose();
    }

    private static IReadOnlyList<PrometheusSeries> Series(JsonNode data, string values) =>
        [
            .. data["result"]!
                .AsArray()
                .Select(one => new PrometheusSeries(
                    one!["metric"]!.AsObject().ToDictionary(static label => label.Key, static label => label.Value!.ToString()),
                    values == "value" ? [Sample(one[values]!)] : [.. one[values]!.AsArray().Select(static sample => Sample(sample!))]
                )),
        ];

    private static (double Time, double Value) Sample(JsonNode sample) =>
        (
            (double)sample[0]!,
            double.Parse(sample[1]!.ToString().Replace("Inf", "Infinity", StringComparison.Ordinal), CultureInfo.InvariantCulture)
        );

    private static string Seconds(DateTimeOffset time) => (time.ToUnixTimeMilliseconds() / 1000.0).ToString(CultureInfo.InvariantCulture);

    private static void Require(string program)
    {
        if (!(Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program))))
        {
            Assert.Ignore($"{program} is not on the PATH");
        }
    }

    private static Process Start(string program, IReadOnlyList<string> arguments) =>
        Process.Start(
            new ProcessStartInfo(program, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                WorkingDirectory = Repository.Root,
            }
        )!;

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
