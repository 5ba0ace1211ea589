using FluentAssertions;
using NUnit.Framework;
using Serving.LocalCluster.Node.Processes;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Node;

public sealed class ProcessTests
{
    private static readonly Dictionary<string, string> Environment = new() { ["PATH"] = "/usr/bin:/bin" };

    [Test]
    public async Task The_watchdog_kills_a_whole_group_when_its_pipe_ends()
    {
        using var launcher = new ProcessLauncher();
        var process = await launcher.StartAsync(Sh("sleep 1000 & sleep 1000"));

        launcher.Dispose();

        (await process.Exited.WaitAsync(TimeSpan.FromSeconds(10))).Should().Be(137);
    }

    [Test]
    public async Task A_process_leads_a_session_of_its_own()
    {
        using var launcher = new ProcessLauncher();
        var process = await launcher.StartAsync(Sh("ps -o pid=,pgid=,sid= -p $$"));
        using var reader = new StreamReader(process.Output);

        var ids = (await reader.ReadToEndAsync()).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

        ids.Should().Equal(Enumerable.Repeat(process.Id.ToString(), 3));
    }

    [Test]
    public async Task What_a_process_started_ends_with_it()
    {
        using var launcher = new ProcessLauncher();
        var process = await launcher.StartAsync(Sh("sleep 1000 & echo $!"));
        using var reader = new StreamReader(process.Output);
        var child = (await reader.ReadLineAsync())!;

        (await process.Exited).Should().Be(0);

        await Eventually.HoldsAsync(() => IsRunning(child).Should().BeFalse());
    }

    [Test]
    public async Task Standard_input_is_at_its_end()
    {
        using var launcher = new ProcessLauncher();

        (await (await launcher.StartAsync(Sh("cat"))).Exited.WaitAsync(TimeSpan.FromSeconds(10))).Should().Be(0);
    }

    [Test]
    public async Task A_program_that_does_not_exist_is_refused()
    {
        using var launcher = new ProcessLauncher();

        var start = () => launcher.StartAsync(new ProcessSpec(["no-such-program"], Environment, "/", []));

        await start
            .Should()
            .ThrowAsync<FileNotFoundException>()
            .WithMessage("exec: \"no-such-program\": executable file not found in $PATH");
    }

    [Test]
    public async Task A_log_is_put_aside_when_it_is_full()
    {
        var directory = Directory.CreateTempSubdirectory("log-test-");
        var path = Path.Combine(directory.FullName, "0.log");
        var line = new byte[1024];
        Array.Fill(line, (byte)'x');
        line[^1] = (byte)'\n';
        using (var log = new ContainerLog(path, TimeProvider.System))
        {
            await log.PumpAsync(new MemoryStream(Enumerable.Repeat(line, 11 * 1024).SelectMany(b => b).ToArray()));
        }

        new FileInfo(path + ".1").Length.Should().BeInRange(ContainerLog.MaxBytes - (64 * 1024), ContainerLog.MaxBytes);
        new FileInfo(path).Length.Should().BeLessThan(2 * 1024 * 1024);
        directory.Delete(recursive: true);
    }

    [Test]
    public async Task A_log_that_cannot_be_written_holds_nobody_up_and_says_what_is_missing()
    {
        var directory = Directory.CreateTempSubdirectory("log-test-");
        var path = Path.Combine(directory.FullName, "0.log");
        File.CreateSymbolicLink(path, "/dev/full");
        var failures = new List<string>();
        using (var log = new ContainerLog(path, TimeProvider.System, failures.Add))
        {
            await log.PumpAsync(new MemoryStream("one\ntwo\n"u8.ToArray()));
            await log.PumpAsync(new MemoryStream("three\n"u8.ToArray()));
            File.Delete(path);
            await log.PumpAsync(new MemoryStream("four\n"u8.ToArray()));
        }

        failures.Should().ContainSingle().Which.Should().Contain(path);
        (await File.ReadAllLinesAsync(path))
            .Select(line => line[(line.IndexOf(' ') + 1)..])
            .Should()
            .Equal("[3 lines could not be written here]", "four");
        directory.Delete(recursive: true);
    }

    private static bool IsRunning(string id) =>
        File.Exists($"/proc/{id}/stat") && !File.ReadAllText($"/proc/{id}/stat").Contains(") Z ", StringComparison.Ordinal);

    private static ProcessSpec Sh(string script) => new(["sh", "-c", script], Environment, "/", []);
}
