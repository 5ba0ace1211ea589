using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Dataplane;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

/// <summary>A collector that accepts connections and never responds.</summary>
[Category("Slow")]
public sealed class DeadCollectorTests
{
    [Test]
    public async Task It_does_not_hold_up_the_end_of_the_process()
    {
        var asked = 0;
        var release = new TaskCompletionSource();
        await using var collector = await TestServer.StartAsync(_ =>
        {
            Interlocked.Increment(ref asked);
            return release.Task;
        });
        await using var process = await PushingProcess.StartAsync($"http://{collector.Address}");
        await Eventually.HoldsAsync(() => Volatile.Read(ref asked).Should().BePositive());

        await process.StopAsync();
        await Eventually.HoldsAsync(() =>
        {
            process.Time.Advance(TimeSpan.FromSeconds(5));
            process.Running.IsCompletedSuccessfully.Should().BeTrue();
        });
        release.SetResult();

        await Eventually.HoldsAsync(() => process.Log.Should().Contain("An export of telemetry did not end within 00:00:05"));
    }
}
