using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.LocalCluster.Node.Limits;
using Serving.LocalCluster.Node.Processes;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Node.Limits;

/// <summary>Where no cgroup can be created.</summary>
public sealed class PriorityControlTests
{
    [TestCase(null, 0)]
    [TestCase(2, 0)]
    [TestCase(0.5, 0)]
    [TestCase(0.4, 4)]
    [TestCase(0.1, 10)]
    [TestCase(0.05, 13)]
    [TestCase(0.001, 19)]
    public void Only_a_limit_well_below_one_core_lowers_the_priority(double? cores, int nice) =>
        PriorityControl.Nice((decimal?)cores).Should().Be(nice);

    [Test]
    public async Task The_priority_of_all_processes_follows_the_limit_without_a_restart()
    {
        if (!Native.IsRoot)
            Assert.Ignore("only root may raise a priority again");
        using var launcher = new ProcessLauncher();
        using var control = new PriorityControl(maySetPriority: true, hasAutogroups: false);
        var container = control.For("c");
        container.Apply(new ContainerLimits(0.1m, null));
        var environment = new Dictionary<string, string> { ["PATH"] = "/usr/bin:/bin" };
        var process = await launcher.StartAsync(
            container.Place(new ProcessSpec(["/bin/sh", "-c", "sleep 1000 & echo $!; wait"], environment, "/", []))
        );
        container.Started(process.Id);
        using var output = new StreamReader(process.Output);
        var child = int.Parse((await output.ReadLineAsync())!, System.Globalization.CultureInfo.InvariantCulture);

        // What was inherited from this process is no part of the test.
        await Eventually.HoldsAsync(() => NiceOf(process.Id).Should().Be(10));

        container.Apply(new ContainerLimits(1, null));
        (NiceOf(process.Id), NiceOf(child)).Should().Be((0, 0));
        container.Apply(new ContainerLimits(0.1m, 1 << 30));
        (NiceOf(process.Id), NiceOf(child)).Should().Be((10, 10));
        container.MemoryInUse.Should().BeGreaterThan(0);
        process.Kill();
        await process.Exited;
    }

    [Test]
    public void It_is_chosen_where_no_cgroups_are()
    {
        var empty = Directory.CreateTempSubdirectory("no-cgroups-").FullName;
        try
        {
            using var control = ResourceControl.Choose(empty, NullLogger.Instance);

            control.Should().BeOfType<PriorityControl>();
            control.Description.Should().StartWith("no limits enforced");
        }
        finally
        {
            Directory.Delete(empty);
        }
    }

    private static int NiceOf(int process)
    {
        var stat = File.ReadAllText($"/proc/{process}/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[16], System.Globalization.CultureInfo.InvariantCulture);
    }
}
