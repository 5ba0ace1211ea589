using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Autoscaler;
using Serving.ConfigMaps;
using Serving.Host.Composition;
using Serving.Host.StatusPages;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.StatusPages.Sources;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

/// <summary>Who decides the scale of a revision, as a replica tells it that does not.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ScalingSourceTests : IDisposable
{
    private readonly InMemoryCluster _cluster = new();
    private readonly ConfigStore _config;
    private readonly AutoscalerModule _autoscaler;

    public ScalingSourceTests()
    {
        var events = Substitute.For<IEventRecorder>();
        _config = new ConfigStore(
            _cluster,
            new ClusterEnvironment("knative-serving", "cluster.local", "serving-0", IPAddress.Loopback),
            NullLogger<ConfigStore>.Instance,
            events
        );
        _autoscaler = new AutoscalerModule(_cluster, _config, events, NullLoggerFactory.Instance, TimeProvider.System);
    }

    public void Dispose()
    {
        _autoscaler.Dispose();
        _config.Dispose();
    }

    [Test]
    public void The_holder_of_the_Lease_of_the_shard_decides()
    {
        for (var i = 0; i < 3; i++)
        {
            _autoscaler.CreateShard(new Shard(i, 3));
        }

        var asked = new List<string>();
        var source = new ScalingSource(_autoscaler, WithLeases(), Holder);

        var reading = source.Read("default", "hello-00001");

        var shard = Shard.IndexOf(new Serving.Kubernetes.ObjectKey("default", "hello-00001"), 3);
        reading.Should().Be(new ScalingReading(false, "serving-1", $"autoscaler.0{shard}-of-03", null));
        asked.Should().Equal($"autoscaler.0{shard}-of-03");

        string? Holder(string lease)
        {
            asked.Add(lease);
            return "serving-1_10.0.0.7";
        }
    }

    [Test]
    public void Nobody_decides_while_the_Lease_is_free()
    {
        var source = new ScalingSource(_autoscaler, WithLeases(), static _ => null);

        source.Read("default", "hello-00001").Should().Be(new ScalingReading(false, null, "autoscaler.00-of-01", null));
    }

    [Test]
    public void Without_Leases_there_is_no_other_replica()
    {
        var source = new ScalingSource(_autoscaler, new Election(null), static _ => "serving-1_10.0.0.7");

        source.Read("default", "hello-00001").Should().Be(new ScalingReading(false, null, null, null));
    }

    private static Election WithLeases() =>
        new(static (_, _) => throw new InvalidOperationException("the settings are not read: the default names hold"));
}
