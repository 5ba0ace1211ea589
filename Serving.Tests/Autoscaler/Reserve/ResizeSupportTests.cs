using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Autoscaler.Reserve;
using Serving.Kubernetes.Discovery;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler.Reserve;

/// <summary>Whether a cluster can resize pods is asked when the first pod is to be parked.</summary>
public sealed class ResizeSupportTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly IResourceDiscovery _discovery = Substitute.For<IResourceDiscovery>();

    [Test]
    public async Task A_cluster_that_can_is_asked_once_and_one_that_cannot_is_asked_again_later()
    {
        var support = new ResizeSupport(_discovery, _time);
        for (var i = 0; i < 3; i++)
            (await support.IsServedAsync(CancellationToken.None)).Should().BeFalse();
        await _discovery.Received(1).ServesAsync("v1", "pods/resize", Arg.Any<CancellationToken>());

        _discovery.ServesAsync("v1", "pods/resize", Arg.Any<CancellationToken>()).Returns(true);
        _time.Advance(TimeSpan.FromMinutes(6));
        (await support.IsServedAsync(CancellationToken.None)).Should().BeTrue();

        _time.Advance(TimeSpan.FromDays(1));
        (await support.IsServedAsync(CancellationToken.None)).Should().BeTrue();
        await _discovery.Received(2).ServesAsync("v1", "pods/resize", Arg.Any<CancellationToken>());
    }
}
