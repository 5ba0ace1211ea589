using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Host.Composition;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

public sealed class AutoscalerOwnersTests
{
    private static readonly ClusterEnvironment Environment = new("knative-serving", "cluster.local", "pod", IPAddress.Loopback);

    [Test]
    public void It_is_patient_with_a_leader_for_two_durations_of_its_Lease_while_that_is_renewed()
    {
        var time = new ManualTimeProvider();
        var cluster = new InMemoryCluster(time);
        var owners = new AutoscalerOwners(cluster.For(Resources.Leases).Lister, null, Environment, (_, _) => ["autoscaler"], time);
        owners.TimeoutFor(Shard.Whole).Should().BeNull("nobody leads");

        Renew(cluster, time);
        owners.TimeoutFor(Shard.Whole).Should().Be(TimeSpan.FromSeconds(30));
        time.Advance(TimeSpan.FromSeconds(15));
        owners.TimeoutFor(Shard.Whole).Should().Be(TimeSpan.FromSeconds(30));
        Renew(cluster, time);
        time.Advance(TimeSpan.FromSeconds(10));
        owners.TimeoutFor(Shard.Whole).Should().Be(TimeSpan.FromSeconds(30));
        time.Advance(TimeSpan.FromSeconds(15));
        owners.TimeoutFor(Shard.Whole).Should().NotBeNull("it was first seen 15 s ago");
        time.Advance(TimeSpan.FromSeconds(1));
        owners.TimeoutFor(Shard.Whole).Should().BeNull("no renewal was seen, be it that the leader died or that the API server is away");
    }

    private static void Renew(InMemoryCluster cluster, TimeProvider time) =>
        cluster.Put(
            Resources.Leases,
            new Lease
            {
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = "autoscaler" },
                Spec = new LeaseSpec
                {
                    HolderIdentity = "other_10.0.0.7",
                    LeaseDurationSeconds = 15,
                    RenewTime = time.GetUtcNow(),
                },
            }
        );
}
