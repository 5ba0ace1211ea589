using FluentAssertions;
using NUnit.Framework;
using Serving.Host.Memory;
using Serving.Tests.Support;

namespace Serving.Tests.Host.Memory;

public sealed class IdleCollectionTests
{
    private readonly ManualTimeProvider _time = new();
    private IdleCollection _idle = null!;
    private long _allocated;
    private int _collections;

    [SetUp]
    public async Task SetUp()
    {
        (_allocated, _collections) = (0, 0);
        _idle = new IdleCollection(_time, () => _allocated, () => _collections++);
        await _idle.StartAsync(CancellationToken.None);
    }

    [TearDown]
    public void TearDown() => _idle.Dispose();

    [Test]
    public void Collects_once_when_work_has_ended()
    {
        for (var i = 0; i < 10; i++)
        {
            Pass(IdleCollection.MostWhenIdle * 4);
        }

        _collections.Should().Be(0, "the process works");

        for (var i = 0; i < 10; i++)
        {
            Pass(IdleCollection.MostWhenIdle / 100);
        }

        _collections.Should().Be(1);
    }

    [Test]
    public void Collects_after_the_start_and_not_again_after_little_work()
    {
        Pass(IdleCollection.LeastSinceCollection / 2);
        _collections.Should().Be(0, "it starts");
        Pass(0);
        _collections.Should().Be(1);

        Pass(IdleCollection.LeastSinceCollection / 2);
        Pass(0);
        _collections.Should().Be(1);
    }

    [Test]
    public void Collects_again_after_more_work()
    {
        Pass(IdleCollection.LeastSinceCollection);
        Pass(0);
        Pass(IdleCollection.LeastSinceCollection);
        Pass(0);
        Pass(0);

        _collections.Should().Be(2);
    }

    [Test]
    public async Task Does_nothing_after_the_stop()
    {
        await _idle.StopAsync(CancellationToken.None);
        Pass(IdleCollection.LeastSinceCollection);
        Pass(0);

        _collections.Should().Be(0);
    }

    private void Pass(long allocated)
    {
        _allocated += allocated;
        _time.Advance(IdleCollection.Period);
    }
}
