using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>Which pods go when load falls.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class ScaleDownTests : EndToEndTests
{
    private const int Busy = 200;
    private const int Quiet = 2;

    /// <summary>The pods are asked at most this long before the scale is written: a second, and the writes of the costs.</summary>
    private static readonly TimeSpan Before = TimeSpan.FromSeconds(1.5);

    /// <summary>The scale is seen by the test at most this long after it was written.</summary>
    private static readonly TimeSpan After = TimeSpan.FromSeconds(0.5);

    private readonly ConcurrentBag<(string Pod, long Begin, long End)> _served = [];
    private readonly ConcurrentBag<string> _failed = [];

    [Test]
    public async Task Load_that_falls_from_200_to_2_requests_a_second_loses_none_and_keeps_the_busiest_pods()
    {
        // 200 requests a second of 0.5 to 5 s are 550 at once, which ten pods take.
        await StartAsync(
            new("falling") { Scaling = [("target", "70"), ("target-utilization-percentage", "70"), ("window", "6s"), ("max-scale", "10")] }
        );
        using var stop = new CancellationTokenSource();
        var watching = WatchAsync(stop.Token);
        var rate = new[] { Busy };
        var load = LoadAsync(() => Volatile.Read(ref rate[0]), stop.Token);
        await EventuallyAsync(async () => (await ReadyPodsAsync("falling-00001")).Should().Be(10));

        // A pod that has just become ready serves requests only now.
        await EventuallyAsync(async () =>
            (await PodsAsync("falling-00001"))
                .Select(pod => pod.Metadata.Name)
                .Should()
                .HaveCount(10)
                .And.BeSubsetOf(_served.Select(request => request.Pod).Distinct())
        );
        var fallen = Stopwatch.GetTimestamp();
        Volatile.Write(ref rate[0], Quiet);
        await EventuallyAsync(async () => (await PodsAsync("falling-00001")).Should().ContainSingle());
        await stop.CancelAsync();
        await load;
        var (scales, removed) = await watching;

        _failed.Should().BeEmpty();
        scales.RemoveAll(scale => scale.Written < fallen);
        var earlier = removed.Where(pod => pod.Value < fallen).Select(pod => pod.Key).ToList();
        var names = _served.Where(request => request.Begin < fallen).Select(request => request.Pod).Distinct().Except(earlier).ToList();
        TestContext.Out.WriteLine($"{_served.Count} requests; replicas: {string.Join(", ", scales.Select(scale => scale.Replicas))}");
        names.Should().HaveCount(10);

        // On a slow machine the wanted number may rise once more, and a pod that comes then may be the one that stays.
        names.Except(removed.Keys).Should().HaveCountLessThanOrEqualTo(1);
        foreach (var (written, left, replicas) in scales)
        {
            var goes = names.Where(name => removed.TryGetValue(name, out var at) && at >= written && at < left).ToList();
            var stays = names.Where(name => !removed.TryGetValue(name, out var at) || at >= left).ToList();
            foreach (var gone in goes)
            {
                InFlight(gone, written)
                    .Least.Should()
                    .BeLessThanOrEqualTo(
                        stays.Min(name => InFlight(name, written).Most),
                        $"{gone} went when {replicas} replicas were written"
                    );
            }
        }
    }

    /// <summary>How many requests a pod had for sure, and may have had, while the scale was decided and written.</summary>
    private (int Least, int Most) InFlight(string pod, long written)
    {
        var (from, to) = (written - Ticks(Before), written + Ticks(After));
        var own = _served.Where(request => request.Pod == pod).ToList();
        return (
            own.Count(request => request.Begin < from && request.End > to),
            own.Count(request => request.Begin < to && request.End > from)
        );
    }

    private static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    private async Task LoadAsync(Func<int> rate, CancellationToken stop)
    {
        var random = new Random(1);
        var running = new List<Task>();
        var started = Stopwatch.GetTimestamp();
        var due = 0.0;
        while (!stop.IsCancellationRequested)
        {
            due += 1.0 / rate();
            var early = TimeSpan.FromSeconds(due) - Stopwatch.GetElapsedTime(started);
            if (early > TimeSpan.Zero)
                await Task.Delay(early, CancellationToken.None);
            running.Add(RequestAsync(random.Next(500, 5000)));
        }

        await Task.WhenAll(running);
    }

    private async Task RequestAsync(int milliseconds)
    {
        var begin = Stopwatch.GetTimestamp();
        try
        {
            var (status, body) = await CallAsync("falling", string.Create(CultureInfo.InvariantCulture, $"/host?before={milliseconds}"));
            if (status == HttpStatusCode.OK)
                _served.Add((body, begin, Stopwatch.GetTimestamp()));
            else
                _failed.Add($"{(int)status} {body}");
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
        {
            _failed.Add(failure.Message);
        }
    }

    /// <summary>Observes when fewer replicas are written, and when pods are deleted.</summary>
    private async Task<(List<(long Written, long Left, int Replicas)> Scales, Dictionary<string, long> Removed)> WatchAsync(
        CancellationToken stop
    )
    {
        var scales = new List<(long At, int Replicas)>();
        var removed = new Dictionary<string, long>(StringComparer.Ordinal);
        var before = 0;
        await Task.WhenAll(
            WatchAsync(
                Resources.Deployments,
                deployment =>
                {
                    var replicas = deployment.Spec?.Replicas ?? 1;
                    if (replicas < before)
                        scales.Add((Stopwatch.GetTimestamp(), replicas));
                    before = replicas;
                },
                stop
            ),
            WatchAsync(
                Resources.Pods,
                pod =>
                {
                    if (pod.Metadata.DeletionTimestamp is not null)
                        removed.TryAdd(pod.Metadata.Name, Stopwatch.GetTimestamp());
                },
                stop
            )
        );
        return (
            [.. scales.Select((scale, i) => (scale.At, i + 1 < scales.Count ? scales[i + 1].At : long.MaxValue, scale.Replicas))],
            removed
        );
    }
}
