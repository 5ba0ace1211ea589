using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Events;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Events;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class EventRecorderTests
{
    private readonly InMemoryCluster _cluster = new();
    private readonly EventRecorder _recorder = new("test", NullLogger.Instance, new ManualTimeProvider());

    [Test]
    public async Task Repeats_raise_the_count_of_one_event()
    {
        for (var i = 0; i < 3; i++)
        {
            _recorder.Warning(About("web"), "Failed", "no luck");
        }

        await WriteAllAsync();

        var failed = _cluster.All(Resources.Events).Single(e => e.Reason == "Failed");
        failed.Count.Should().Be(3);
        failed.Type.Should().Be("Warning");
        failed.InvolvedObject!.Name.Should().Be("web");
        failed.Metadata.Namespace.Should().Be("a");
    }

    [Test]
    public async Task Too_many_about_one_object_are_dropped_and_counted()
    {
        for (var i = 0; i < 30; i++)
        {
            _recorder.Warning(About("web"), "Failed", $"no luck {i}");
        }

        await WriteAllAsync();

        _recorder.Dropped.Should().Be(5);
        _cluster.All(Resources.Events).Count(e => e.Reason == "Failed").Should().Be(25);
    }

    [Test]
    public void The_queue_is_bounded()
    {
        for (var i = 0; i < 1010; i++)
        {
            _recorder.Normal(About("web"), "Created", "made it");
        }

        _recorder.Dropped.Should().Be(10);
    }

    private static Deployment About(string name) =>
        new()
        {
            ApiVersion = "apps/v1",
            Kind = "Deployment",
            Metadata = new ObjectMeta
            {
                Namespace = "a",
                Name = name,
                Uid = "u",
            },
        };

    private async Task WriteAllAsync()
    {
        _recorder.Normal(About("last"), "Last", "end");
        using var stop = new CancellationTokenSource();
        var running = _recorder.RunAsync(_cluster, stop.Token);
        await Eventually.HoldsAsync(() => _cluster.All(Resources.Events).Should().Contain(e => e.Reason == "Last"));
        await stop.CancelAsync();
        await running;
    }
}
