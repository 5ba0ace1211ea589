using FluentAssertions;
using NUnit.Framework;
using Serving.LocalCluster.Controllers.Autoscaling;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Controllers.Autoscaling;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ProcessUsageTests : IDisposable
{
    private readonly string _proc = Directory.CreateTempSubdirectory("proc-").FullName;
    private readonly ManualTimeProvider _time = new();

    [Test]
    public void Sums_the_processes_of_a_pod_between_two_looks()
    {
        var usage = new ProcessUsage(_time, _proc);
        Process(10, "uid-a", 100, 1);
        Process(11, "uid-a", 0, 2);
        Process(12, "uid-b", 5, 1);
        Directory.CreateDirectory(Path.Combine(_proc, "self"));
        usage.Of("uid-a").Should().BeNull("once is not enough");

        _time.Advance(TimeSpan.FromSeconds(10));
        Process(10, "uid-a", 400, 1);
        Process(11, "uid-a", 200, 2);

        usage.Of("uid-a").Should().Be(new PodUsage(0.5m, 3 * Environment.SystemPageSize), "5 s of CPU in 10 s");
        usage.Of("uid-b")!.Value.Cores.Should().Be(0);
        usage.Of("uid-c").Should().BeNull();
    }

    [Test]
    public void A_process_that_ended_makes_no_negative_use()
    {
        var usage = new ProcessUsage(_time, _proc);
        Process(10, "uid-a", 100, 1);
        Process(11, "uid-a", 900, 1);
        usage.Of("uid-a");
        _time.Advance(TimeSpan.FromSeconds(10));
        Directory.Delete(Path.Combine(_proc, "11"), recursive: true);

        usage.Of("uid-a")!.Value.Cores.Should().Be(0);
    }

    public void Dispose() => Directory.Delete(_proc, recursive: true);

    private void Process(int id, string pod, int ticks, int pages)
    {
        var directory = Directory.CreateDirectory(Path.Combine(_proc, $"{id}")).FullName;
        File.WriteAllText(
            Path.Combine(directory, "environ"),
            $"PATH=/bin\0TERMINATION_MESSAGE_PATH=/data/pods/ns_name-x_{pod}/main/termination-log\0A=b\0"
        );
        File.WriteAllText(
            Path.Combine(directory, "stat"),
            $"{id} (a) b) S 1 1 1 0 -1 0 0 0 0 0 {ticks / 2} {ticks - (ticks / 2)} 0 0 20 0 1 0 5 1000 {pages} 0"
        );
    }
}
