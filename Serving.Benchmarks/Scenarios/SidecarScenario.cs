using System.Globalization;
using Serving.Benchmarks.Load;
using Serving.Benchmarks.Processes;
using Serving.Benchmarks.Report.Model;

namespace Serving.Benchmarks.Scenarios;

/// <summary>The queue-proxy beside nginx before the same program.</summary>
internal sealed class SidecarScenario : IScenario
{
    public ScenarioText Text { get; } =
        new(
            "sidecar",
            "Sidecar",
            """
            The queue-proxy as a process, before a minimal program on loopback, beside nginx (two workers, connections to the
            program kept open, no access log) before the same program; wrk with 32 connections kept open. Memory is resident right
            after the load; that of nginx is the sum of its processes. The first response is measured from the start of the
            process. Only the native program is installed in clusters; a row named *.dll* is the same program run by `dotnet`.
            """
        );

    public async Task RunAsync(ScenarioRun run, Findings findings)
    {
        var port = FreePorts.Next();
        await using var user = await StartProgramAsync(port);
        var programs = run.Options.QueueProxies;
        foreach (var program in programs)
            await FirstResponseAsync(run, program, port, findings);
        if (!Wrk.IsInstalled)
        {
            findings.NotMeasured("the cost under load: wrk is not on the PATH (Debian: `apt-get install wrk`).");
            return;
        }

        if (Nginx.Path is null)
            findings.NotMeasured("the ratios: nginx is not on the PATH (Debian: `apt-get install nginx-light`).");
        await UnderLoadAsync(run, programs, port, findings);
    }

    /// <summary>Starts the minimal program behind a sidecar and waits for its first response.</summary>
    internal static async Task<LocalProcess> StartProgramAsync(int port)
    {
        var program = new LocalProcess(
            "dotnet",
            [typeof(SidecarScenario).Assembly.Location, "user-container", port.ToString(CultureInfo.InvariantCulture)]
        );
        try
        {
            await Sidecar.RespondsAsync(
                program,
                new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}/")),
                TimeSpan.FromMilliseconds(50)
            );
            return program;
        }
        catch
        {
            await program.DisposeAsync();
            throw;
        }
    }

    private static async Task FirstResponseAsync(ScenarioRun run, string program, int port, Findings findings)
    {
        var (starts, rest) = (new List<double>(), new List<double>());
        for (var round = 0; round < run.Options.Rounds; round++)
        {
            await using var sidecar = await Sidecar.StartAsync(program, port);
            starts.Add(sidecar.UntilResponse.TotalMilliseconds);
            if (!run.Options.Short)
                await Task.Delay(TimeSpan.FromSeconds(2));
            rest.Add(sidecar.ResidentMebibytes);
        }

        findings.Figure($"{Label(program)}, first response", "ms", Spread.Of(starts));
        findings.Figure($"{Label(program)}, at rest", "MiB", Spread.Of(rest));
    }

    private static async Task UnderLoadAsync(ScenarioRun run, IReadOnlyList<string> programs, int port, Findings findings)
    {
        var sidecars = new List<Sidecar>();
        var nginx = Nginx.Path is null ? null : await Nginx.StartAsync(string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}"));
        try
        {
            var contenders = new List<Contender>();
            foreach (var program in programs)
            {
                var sidecar = await Sidecar.StartAsync(program, port);
                sidecars.Add(sidecar);
                contenders.Add(ContenderOf(Label(program), sidecar));
            }

            if (nginx is not null)
                contenders.Add(
                    new Contender(
                        "nginx",
                        new Wrk(new Uri($"http://{nginx.Address}/"), "bench"),
                        () => nginx.Cpu,
                        () => nginx.ResidentMebibytes
                    )
                );
            Report(findings, new Comparison("sidecar", await GatewayScenario.MeasureAsync(run, contenders)), programs);
        }
        finally
        {
            foreach (var sidecar in sidecars)
                await sidecar.DisposeAsync();
            if (nginx is not null)
                await nginx.DisposeAsync();
        }
    }

    private static void Report(Findings findings, Comparison comparison, IReadOnlyList<string> programs)
    {
        foreach (var name in programs.Select(Label))
        {
            findings.Figure(
                $"{name}, under load",
                "MiB",
                Spread.Of(comparison.Samples[name].Select(static one => one.Mebibytes)),
                new Goal(22)
            );
            if (!comparison.Samples.ContainsKey("nginx"))
                continue;
            comparison.Ratio(findings, name, "nginx", "CPU per request", static one => one.Microseconds, new Goal(1.15));
            comparison.Ratio(findings, name, "nginx", "requests/s", static one => one.RequestsPerSecond, new Goal(1, AtLeast: true));
        }

        comparison.Absolute(findings, "CPU per request before the same program");
        if (programs.All(static one => one.EndsWith(".dll", StringComparison.Ordinal)))
            findings.Note(
                "The native program was not published, so the program was run by `dotnet`. The goals are those of the native program."
            );
    }

    /// <summary>A sidecar under the load of these scenarios.</summary>
    internal static Contender ContenderOf(string name, Sidecar sidecar) =>
        new(name, new Wrk(sidecar.Address, "bench"), () => sidecar.Cpu, () => sidecar.ResidentMebibytes);

    /// <summary>How the report names a program.</summary>
    internal static string Label(string program) => Path.GetFileName(program);
}
