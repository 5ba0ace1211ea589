using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.LocalCluster.Node.Processes;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Node;

/// <summary>The total size of pod logs is bounded, and the oldest are deleted first.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LogBudgetTests : IDisposable
{
    private const int Budget = 100_000;
    private static readonly DateTime Start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private readonly string _pods = Directory.CreateTempSubdirectory("budget-test-").FullName;

    public void Dispose() => Directory.Delete(_pods, recursive: true);

    [Test]
    public void The_files_written_to_longest_ago_go_until_there_is_room()
    {
        Put("ns_a_1/user-container/0.log.1", 40_000, age: 5);
        Put("ns_a_1/user-container/0.log", 40_000, age: 2);
        Put("ns_b_2/queue-proxy/7.log", 30_000, age: 4);
        Put("ns_b_2/user-container/7.log", 10_000, age: 1);

        New().Check();

        Left().Should().BeEquivalentTo("ns_a_1/user-container/0.log", "ns_b_2/queue-proxy/7.log", "ns_b_2/user-container/7.log");
    }

    [Test]
    public void Nothing_goes_while_there_is_room()
    {
        Put("ns_a_1/user-container/0.log", Budget, age: 1);

        New().Check();

        Left().Should().ContainSingle();
    }

    [Test]
    public void What_is_no_log_of_a_container_is_left_alone()
    {
        Put("ns_a_1/user-container/own.log", Budget, age: 9);
        Put("ns_a_1/user-container/termination-log", Budget, age: 9);
        Put("ns_a_1/volumes/data/0.log", Budget, age: 9);
        Put("ns_a_1/0.log", Budget, age: 9);
        Put("ns_a_1/user-container/0.log", Budget + 1, age: 1);

        New().Check();

        Left().Should().HaveCount(4).And.NotContain("ns_a_1/user-container/0.log");
    }

    [Test]
    public async Task A_program_that_runs_goes_on_in_an_empty_log_that_says_what_is_missing()
    {
        var budget = New();
        var path = Path.Combine(_pods, "ns_a_1/user-container/0.log");
        using (var log = new ContainerLog(path, TimeProvider.System, budget: budget))
        {
            await log.PumpAsync(new MemoryStream("old\n"u8.ToArray()));
            File.SetLastWriteTimeUtc(path, Start);
            Put("ns_b_2/user-container/0.log", Budget, age: -1);

            budget.Check();
            await log.PumpAsync(new MemoryStream("new\nnewer\n"u8.ToArray()));
        }

        File.ReadAllLines(path)
            .Select(line => line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..])
            .Should()
            .Equal("[earlier lines were deleted: the logs of all pods exceeded their limit]", "new", "newer");
    }

    [Test]
    public async Task Many_programs_that_write_without_end_stay_within_the_bound()
    {
        var budget = New();
        var logs = Enumerable
            .Range(0, 10)
            .Select(pod => new ContainerLog(Path.Combine(_pods, $"ns_p_{pod}/user-container/0.log"), TimeProvider.System, budget: budget))
            .ToList();
        var line = System.Text.Encoding.ASCII.GetBytes(new string('x', 999) + "\n");
        for (var round = 0; round < 50; round++)
        {
            foreach (var log in logs)
            {
                await log.PumpAsync(new MemoryStream(line));
            }
        }

        await Eventually.HoldsAsync(() =>
            Directory
                .EnumerateFiles(_pods, "*.log*", SearchOption.AllDirectories)
                .Sum(file => new FileInfo(file).Length)
                .Should()
                .BeLessThan(Budget + (2 * budget.Step))
        );
        logs.ForEach(log => log.Dispose());
    }

    private LogBudget New() => new(_pods, Budget, NullLogger.Instance);

    private IEnumerable<string> Left() =>
        Directory.EnumerateFiles(_pods, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(_pods, file));

    private void Put(string file, int length, int age)
    {
        var path = Path.Combine(_pods, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, new byte[length]);
        File.SetLastWriteTimeUtc(path, Start.AddHours(-age));
    }
}
