using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.LocalCluster.Controllers.Endpoints;
using Serving.Tests.Support;
using static Serving.Tests.LocalCluster.Controllers.Samples;
using CoreEndpoints = Serving.Api.Core.Endpoints;

namespace Serving.Tests.LocalCluster.Controllers;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class EndpointsReconcilerTests
{
    private const string ManagedBy = "endpointslice.kubernetes.io/managed-by";
    private readonly ControllerCluster _cluster = new();

    private IReadOnlyList<EndpointSlice> Slices => _cluster.Cluster.All(Resources.EndpointSlices);

    [Test]
    public async Task Endpoints_and_slices_follow_the_pods_and_nothing_is_written_without_need()
    {
        _cluster.Cluster.Put(Resources.Services, Service(Port("http", 80, 8012)));
        _cluster.Cluster.Put(Resources.Pods, Pod("p", "127.0.9.1"));
        await _cluster.ReconcileServiceAsync("s");
        Endpoints().Subsets.Single().NotReadyAddresses.Should().ContainSingle();
        Slices.Single().Endpoints.Single().Conditions!.Ready.Should().BeFalse();

        _cluster.Cluster.Put(Resources.Pods, Pod("p", "127.0.9.1", ready: true));
        await _cluster.ReconcileServiceAsync("s");
        Endpoints().Subsets.Single().Addresses.Should().ContainSingle();
        Slices.Single().Endpoints.Single().Conditions!.Ready.Should().BeTrue();

        _cluster.Cluster.ForgetWrites();
        await _cluster.ReconcileServiceAsync("s");
        _cluster.Cluster.Writes.Should().BeEmpty();
    }

    [Test]
    public async Task Endpoints_of_a_Service_without_selector_are_mirrored_until_they_ask_not_to_be()
    {
        _cluster.Cluster.Put(Resources.Services, Service(Port("http", 80)).With(spec => spec with { Selector = Empty.Map }));
        var written = _cluster.Cluster.Put(Resources.Endpoints, Written("127.0.9.7"));
        await _cluster.ReconcileServiceAsync("s");

        Slices.Should().ContainSingle().Which.Metadata.Labels[ManagedBy].Should().Be("endpointslicemirroring-controller.k8s.io");
        Slices[0].Endpoints.Single().Addresses.Should().Equal("127.0.9.7");
        Endpoints().Should().BeEquivalentTo(written);

        _cluster.Cluster.Put(Resources.Endpoints, Written("127.0.9.8"));
        await _cluster.ReconcileServiceAsync("s");
        Slices.Single().Endpoints.Single().Addresses.Should().Equal("127.0.9.8");

        _cluster.Cluster.Put(Resources.Endpoints, Written("127.0.9.8", skip: true));
        await _cluster.ReconcileServiceAsync("s");
        Slices.Should().BeEmpty();
    }

    [Test]
    public async Task They_go_with_their_Service()
    {
        _cluster.Cluster.Put(Resources.Services, Service(Port("http", 80)));
        await _cluster.ReconcileServiceAsync("s");
        await _cluster.Cluster.DeleteAsync(Resources.Services, "ns", "s", CancellationToken.None);

        await _cluster.ReconcileServiceAsync("s");

        Slices.Should().BeEmpty();
        _cluster.Cluster.All(Resources.Endpoints).Should().BeEmpty();
    }

    [Test]
    public async Task Endpoints_seen_before_their_Service_are_left_alone()
    {
        // The cache of this reconciler has only the Endpoints; the API also has the Service.
        var cache = new InMemoryCluster();
        var written = cache.Put(Resources.Endpoints, Written("127.0.9.7"));
        _cluster.Cluster.Put(Resources.Endpoints, written);
        _cluster.Cluster.Put(Resources.Services, Service(Port("http", 80)));

        await new EndpointsReconciler(cache).ReconcileAsync(new ObjectKey("ns", "s"), _cluster.Cluster, CancellationToken.None);

        _cluster.Cluster.All(Resources.Endpoints).Should().ContainSingle();
    }

    private static CoreEndpoints Written(string ip, bool skip = false) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = "s",
                Namespace = "ns",
                Labels = skip ? new Dictionary<string, string> { ["endpointslice.kubernetes.io/skip-mirror"] = "true" } : Empty.Map,
            },
            Subsets =
            [
                new EndpointSubset
                {
                    Addresses = [new EndpointAddress { Ip = ip }],
                    Ports =
                    [
                        new EndpointPort
                        {
                            Name = "http",
                            Port = 8012,
                            Protocol = "TCP",
                        },
                    ],
                },
            ],
        };

    private CoreEndpoints Endpoints() => _cluster.Cluster.Find(Resources.Endpoints, "ns", "s")!;
}
