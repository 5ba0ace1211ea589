using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Activator.Throttling;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Kubernetes.Informers;
using Serving.Tests.Concurrency;
using Serving.Tests.Support;

namespace Serving.Tests.Activator;

/// <summary>The registry while the informers of revisions and of pods report concurrently.</summary>
public sealed class RevisionRegistryTests
{
    private static readonly NetworkConfig NoMesh = new() { MeshCompatibilityMode = MeshCompatibilityMode.Disabled };

    [Test]
    public void A_pod_that_is_deleted_while_its_revision_is_read_does_not_come_back()
    {
        var pod = FakePod.Object("pod-1", port: 1, ready: true);
        var pods = new PodsInBetween(pod);
        using var registry = Registry(pods, out var cluster);

        // The other informer's thread reports the deletion of the pod after the cache was read and before what was read is applied.
        OtherThread? deletion = null;
        pods.WhenRead = () => deletion = OtherThread.UntilEndedOrBlocked(() => pods.Tell(new Change<Pod>(pod, null)));
        cluster.Put(Resources.Revisions, Revision());
        deletion!.Join();

        registry.Find("ns", "rev")!.Throttler.Capacity.Should().Be(0, "the only pod is gone");
    }

    [Test]
    public void A_pod_that_comes_while_its_revision_is_read_is_used()
    {
        var pod = FakePod.Object("pod-1", port: 1, ready: true);
        var pods = new PodsInBetween();
        using var registry = Registry(pods, out var cluster);

        OtherThread? coming = null;
        pods.WhenRead = () => coming = OtherThread.UntilEndedOrBlocked(() => pods.Tell(new Change<Pod>(null, pod)));
        cluster.Put(Resources.Revisions, Revision());
        coming!.Join();

        registry.Find("ns", "rev")!.Throttler.Capacity.Should().BePositive();
    }

    private static Revision Revision() =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Namespace = "ns",
                Name = "rev",
                Uid = "uid-rev",
            },
            Spec = new RevisionSpec { ContainerConcurrency = 1, Containers = [new Container { Name = "user-container" }] },
        };

    private static RevisionRegistry Registry(PodsInBetween pods, out InMemoryCluster cluster)
    {
        cluster = new InMemoryCluster();
        return new RevisionRegistry(
            new Informers(cluster, pods),
            IPAddress.Loopback,
            queueDepth: 10,
            () => NoMesh,
            new PodProber(null, tlsPort: 8112, new ManualTimeProvider()),
            NullLogger.Instance
        );
    }

    private sealed class Informers(InMemoryCluster cluster, PodsInBetween pods) : IInformers
    {
        public IInformer<T> For<T>(ResourceType<T> type, string? ns = null, string? labelSelector = null)
            where T : class, IKubernetesObject => pods as IInformer<T> ?? cluster.For(type, ns, labelSelector);

        public IInformer<T> ForOne<T>(ResourceType<T> type, string ns, string name)
            where T : class, IKubernetesObject => cluster.ForOne(type, ns, name);

        public Task WaitForSyncAsync(CancellationToken cancellation) => Task.CompletedTask;
    }

    /// <summary>A pod cache with a hook between reading it and using what was read.</summary>
    private sealed class PodsInBetween(params Pod[] copy) : IInformer<Pod>, ILister<Pod>
    {
        private Action<Change<Pod>>? _handler;

        public Action WhenRead { get; set; } = static () => { };

        public ILister<Pod> Lister => this;

        public bool HasSynced => true;

        public void Tell(Change<Pod> change) => _handler!(change);

        public Task WaitForSyncAsync(CancellationToken cancellation) => Task.CompletedTask;

        public IDisposable AddHandler(Action<Change<Pod>> added)
        {
            _handler = added;
            return new CancellationTokenSource();
        }

        public Pod? Get(string ns, string name) => Array.Find(copy, pod => pod.Metadata.Name == name);

        public IReadOnlyList<Pod> List(string? ns = null) => copy;

        public IReadOnlyList<Pod> ByOwner(string uid) => [];

        public IReadOnlyList<Pod> ByIndex(CacheIndex<Pod> index, string ns, string value) => [];

        public IReadOnlyList<Pod> ByLabel(string ns, string key, string value)
        {
            WhenRead();
            return copy;
        }
    }
}
