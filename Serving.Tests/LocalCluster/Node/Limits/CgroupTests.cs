using System.Diagnostics;
using System.Globalization;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.LocalCluster.Node.Limits;
using Serving.LocalCluster.Node.Processes;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Node.Limits;

/// <summary>Cgroups: what is written on a directory that looks like a hierarchy, and what it does on the one of this machine.</summary>
public sealed class CgroupTests
{
    private static readonly Dictionary<string, string> Environment = new() { ["PATH"] = "/usr/bin:/bin" };

    [Test]
    public async Task Version_2_gets_a_quota_and_a_maximum_and_the_process_joins_before_it_starts()
    {
        var root = Directory.CreateTempSubdirectory("cgroup2-").FullName;
        await File.WriteAllTextAsync(Path.Combine(root, "cgroup.controllers"), "cpuset cpu io memory pids\n");
        using var control = ResourceControl.Choose(root, NullLogger.Instance);
        using var launcher = new ProcessLauncher();
        var node = Directory.EnumerateDirectories(root).Should().ContainSingle().Which;
        control.Description.Should().Be("CPU and memory limits by cgroups (version 2)");
        Read("cgroup.subtree_control", node).Should().Be("+cpu +memory");
        Read("cgroup.subtree_control", root).Should().Be("+cpu +memory", "children of the root must get the controllers");
        var container = control.For("uid_main");
        string Of(string file) => Read(file, Path.Combine(node, "uid_main"));

        container.Apply(new ContainerLimits(0.25m, 64 << 20));
        Of("cpu.max").Should().Be("25000 100000");
        Of("memory.max").Should().Be("67108864");
        container.Apply(new ContainerLimits(0.001m, null));
        Of("cpu.max").Should().Be("1000 100000", "the kernel refuses less");
        container.Apply(new ContainerLimits(null, null));
        Of("cpu.max").Should().Be("max 100000");
        Of("memory.max").Should().Be("max");
        var process = await launcher.StartAsync(container.Place(new ProcessSpec(["true"], Environment, "/", [])));

        (await process.Exited).Should().Be(0);
        Of("cgroup.procs").Should().Be("0");
        Directory.Delete(root, recursive: true);
    }

    [Test]
    public void Cgroups_of_a_node_that_was_killed_are_removed()
    {
        var root = Directory.CreateTempSubdirectory("cgroup2-").FullName;
        File.WriteAllText(Path.Combine(root, "cgroup.controllers"), "cpu");
        Directory.CreateDirectory(Path.Combine(root, $"serving-local-{int.MaxValue}-1", "uid_main"));
        var running = Directory.CreateDirectory(
            Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"serving-local-{System.Environment.ProcessId}-0"))
        );

        using var control = ResourceControl.Choose(root, NullLogger.Instance);

        Directory.EnumerateDirectories(root).Should().HaveCount(2).And.Contain(running.FullName);
        Directory.Delete(root, recursive: true);
    }

    [Test]
    public async Task A_limit_throttles_a_process_of_this_machine_and_changes_without_a_restart()
    {
        using var control = ResourceControl.Choose("/sys/fs/cgroup", NullLogger.Instance);
        if (control is PriorityControl)
            Assert.Ignore($"this user may not create cgroups here: {control.Description}");
        using var launcher = new ProcessLauncher();
        var container = control.For("uid_main");
        container.Apply(new ContainerLimits(0.05m, 256 << 20));
        var process = await launcher.StartAsync(
            container.Place(new ProcessSpec(["/bin/sh", "-c", "while :; do :; done"], Environment, "/", []))
        );
        container.Started(process.Id);

        await Eventually.HoldsAsync(() => Throttled(process.Id).Should().BeGreaterThan(1));

        container.Apply(new ContainerLimits(null, null));
        var before = Throttled(process.Id);
        await Eventually.HoldsAsync(() => Used(process.Id).Should().BeGreaterThan(TimeSpan.FromSeconds(0.3)));
        Throttled(process.Id).Should().BeLessThanOrEqualTo(before + 1, "a period may have begun under the limit");
        container.MemoryInUse.Should().BeInRange(1, 256 << 20);
        process.Exited.IsCompleted.Should().BeFalse();
        process.Kill();
        await process.Exited;
        var directory = CpuOf(System.Environment.ProcessId);
        await container.RemoveAsync();
        Directory
            .EnumerateDirectories(directory, $"serving-local-{System.Environment.ProcessId}-*")
            .SelectMany(Directory.EnumerateDirectories)
            .Should()
            .NotContain(path => path.EndsWith("/uid_main", StringComparison.Ordinal));
    }

    [Test]
    public async Task Processes_join_when_their_container_gets_its_first_limit()
    {
        using var control = ResourceControl.Choose("/sys/fs/cgroup", NullLogger.Instance);
        if (control is PriorityControl)
            Assert.Ignore($"this user may not create cgroups here: {control.Description}");
        using var launcher = new ProcessLauncher();
        var container = control.For("uid_later");
        container.Apply(new ContainerLimits(null, null));
        var process = await launcher.StartAsync(
            container.Place(new ProcessSpec(["/bin/sh", "-c", "sleep 1000 & echo $!; wait"], Environment, "/", []))
        );
        container.Started(process.Id);
        using var output = new StreamReader(process.Output);
        var child = int.Parse((await output.ReadLineAsync())!, CultureInfo.InvariantCulture);
        await Eventually.HoldsAsync(() => File.ReadAllText($"/proc/{child}/comm").Trim().Should().Be("sleep"));
        (CpuOf(process.Id), CpuOf(child)).Should().Be((CpuOf(System.Environment.ProcessId), CpuOf(System.Environment.ProcessId)));

        container.Apply(new ContainerLimits(0.5m, null));

        CpuOf(process.Id).Should().EndWith("/uid_later");
        CpuOf(child).Should().Be(CpuOf(process.Id));
        container.MemoryInUse.Should().BeGreaterThan(0);
        process.Kill();
        await process.Exited;
        await container.RemoveAsync();
    }

    private static string Read(string file, string directory) => File.ReadAllText(Path.Combine(directory, file)).Trim();

    // How often the kernel stopped the processes of the cgroup until the next period.
    private static long Throttled(int process) =>
        File.ReadLines(Path.Combine(CpuOf(process), "cpu.stat"))
            .Where(line => line.StartsWith("nr_throttled ", StringComparison.Ordinal))
            .Select(line => long.Parse(line.Split(' ')[1], CultureInfo.InvariantCulture))
            .Single();

    private static string CpuOf(int process)
    {
        var lines = File.ReadAllLines($"/proc/{process}/cgroup").Select(line => line.Split(':', 3)).ToList();
        var cpu = lines.FirstOrDefault(line => line[1].Split(',').Contains("cpu"));
        return cpu is not null ? $"/sys/fs/cgroup/cpu{cpu[2]}" : $"/sys/fs/cgroup{lines.Single(line => line[1].Length == 0)[2]}";
    }

    private static TimeSpan Used(int id)
    {
        using var process = Process.GetProcessById(id);
        return process.TotalProcessorTime;
    }
}
