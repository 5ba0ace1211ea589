using FluentAssertions;
using NUnit.Framework;
using Serving.Kubernetes.Queue;
using Serving.Observability.Metrics;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Queue;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class WorkQueueTests
{
    private readonly ManualTimeProvider _time = new();
    private WorkQueue<string> _queue = null!;

    [SetUp]
    public void SetUp() => _queue = new WorkQueue<string>("test", _time);

    [TearDown]
    public void TearDown() => _queue.Dispose();

    [Test]
    public void A_key_added_twice_waits_once()
    {
        _queue.Add("a");
        _queue.Add("a");

        _queue.TryTake(out var key).Should().BeTrue();
        key.Should().Be("a");
        _queue.TryTake(out _).Should().BeFalse();
    }

    [Test]
    public void A_key_added_while_it_is_worked_on_waits_until_that_is_done()
    {
        _queue.Add("a");
        _queue.TryTake(out _);
        _queue.Add("a");
        _queue.TryTake(out _).Should().BeFalse();

        _queue.Done("a");

        _queue.TryTake(out _).Should().BeTrue();
    }

    [Test]
    public void Of_several_delays_the_earliest_counts()
    {
        _queue.AddAfter("a", TimeSpan.FromSeconds(10));
        _queue.AddAfter("a", TimeSpan.FromSeconds(3));
        _queue.AddAfter("a", TimeSpan.FromSeconds(7));

        _time.Advance(TimeSpan.FromSeconds(2.9));
        _queue.TryTake(out _).Should().BeFalse();
        _time.Advance(TimeSpan.FromSeconds(0.2));
        _queue.TryTake(out _).Should().BeTrue();
        _queue.Done("a");
        _time.Advance(TimeSpan.FromSeconds(20));
        _queue.TryTake(out _).Should().BeFalse();
    }

    [Test]
    public void Failures_back_off_exponentially_up_to_a_thousand_seconds_and_are_forgotten()
    {
        foreach (var milliseconds in new[] { 5, 10, 20, 40 })
        {
            _queue.AddRateLimited("a");
            _time.Advance(TimeSpan.FromMilliseconds(milliseconds - 1));
            _queue.TryTake(out _).Should().BeFalse();
            _time.Advance(TimeSpan.FromMilliseconds(1));
            _queue.TryTake(out _).Should().BeTrue();
            _queue.Done("a");
        }

        for (var i = 0; i < 40; i++)
        {
            _queue.AddRateLimited("b");
        }

        _queue.Failures("b").Should().Be(40);
        _queue.Forget("a");
        _queue.AddRateLimited("a");
        _time.Advance(TimeSpan.FromMilliseconds(5));
        _queue.TryTake(out var key).Should().BeTrue();
        new[] { "a", "b" }.Should().Contain(key);
    }

    [Test]
    public async Task Waiting_takers_get_what_is_added()
    {
        var taken = _queue.TakeAsync(CancellationToken.None).AsTask();
        taken.IsCompleted.Should().BeFalse();

        _queue.Add("a");

        (await taken.WaitAsync(TimeSpan.FromSeconds(10))).Should().Be("a");
    }

    [Test]
    public void Its_state_tells_what_waits_runs_and_fails()
    {
        using var queue = new WorkQueue<string>("observed", _time);
        queue.Add("waits");
        queue.Add("runs");
        queue.TryTake(out _);
        queue.AddAfter("later", TimeSpan.FromSeconds(5));
        queue.AddRateLimited("fails");
        queue.AddRateLimited("fails");
        _time.Advance(TimeSpan.FromSeconds(1));

        var state = WorkQueueMetrics.States.Single(state => state.Name == "observed");

        state.Processing.Should().Be(1);
        state.LongestRunning.Should().Be("waits");
        state.LongestRunningFor.Should().Be(TimeSpan.FromSeconds(1));
        state.OldestWaiting.Should().Be(TimeSpan.FromSeconds(1));
        state.Delayed.Should().Be(1);
        state.Retries.Should().Be(2);
        state.Failing.Should().Be(1);
        state.MostFailures.Should().Equal(new FailingKey("fails", 2));
        queue.Forget("fails");
        WorkQueueMetrics.States.Single(state => state.Name == "observed").Failing.Should().Be(0);
    }

    [Test]
    public void A_closed_queue_has_no_state()
    {
        var queue = new WorkQueue<string>("closed", _time);
        queue.Dispose();

        WorkQueueMetrics.States.Should().NotContain(state => state.Name == "closed");
    }

    [Test]
    public void An_exporter_that_starts_later_reports_the_whole_depth()
    {
        using var queue = new WorkQueue<string>("late", _time);
        queue.Add("a");
        queue.Add("b");
        queue.TryTake(out _);
        queue.Add("a"); // again, while it is processed

        using var exporter = new PrometheusExporter(WorkQueueMetrics.MeterName);
        exporter.Render().Split('\n').Should().Contain("kn_workqueue_depth{name=\"late\"} 2");

        queue.TryTake(out _);
        exporter.Render().Split('\n').Should().Contain("kn_workqueue_depth{name=\"late\"} 1");
        queue.Dispose();
        exporter.Render().Should().NotContain("kn_workqueue_depth{name=\"late\"}");
    }

    [Test]
    public void The_queues_of_several_shards_of_a_reconciler_are_added_up()
    {
        using var one = new WorkQueue<string>("sharded", _time);
        using var other = new WorkQueue<string>("sharded", _time);
        using var idle = new WorkQueue<string>("sharded", _time);
        one.Add("a");
        one.TryTake(out _);
        _time.Advance(TimeSpan.FromSeconds(2));
        other.Add("b");
        other.TryTake(out _);
        one.Add("c");
        other.Add("d");
        other.Add("e");
        _time.Advance(TimeSpan.FromSeconds(1));

        using var exporter = new PrometheusExporter(WorkQueueMetrics.MeterName);
        exporter
            .Render()
            .Split('\n')
            .Should()
            .Contain("kn_workqueue_depth{name=\"sharded\"} 3")
            .And.Contain("kn_workqueue_unfinished_work_seconds{name=\"sharded\"} 4")
            .And.Contain("kn_workqueue_longest_running_processor_seconds{name=\"sharded\"} 3");
    }
}
