using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Leadership;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Hosting;

/// <summary>What turns the liveness probe red: a loop that does not come back, and nothing else. In virtual time.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
[Parallelizable]
public sealed class StuckLoopTests : IDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly InMemoryCluster _cluster = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Dispose() => _stop.Dispose();

    [Test]
    public async Task A_reconcile_that_never_ends_is_named_and_forgiven_when_it_ends_after_all()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var reconciler = Substitute.For<IReconciler>();
        reconciler.Name.Returns("service");
        reconciler
            .ReconcileAsync(default, null!, default)
            .ReturnsForAnyArgs(async _ =>
            {
                begun.TrySetResult();
                await _release.Task;
                return Reconcile.Done;
            });
        var loop = new ReconcileLoop(reconciler, NullLogger.Instance, _time, workers: 2);
        var host = new ModuleHost([new LoopModule(loop)], _cluster, _cluster, new ModuleHostOptions(), NullLoggerFactory.Instance, _time);
        var running = host.RunAsync(_stop.Token);
        await Eventually.HoldsAsync(() => host.NotReady.Should().BeEmpty());
        _time.Advance(TimeSpan.FromHours(1));
        host.Stuck.Should().BeEmpty("a loop without work waits as long as it likes");

        loop.Enqueue(new ObjectKey("default", "hello"));
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(10));
        _time.Advance(ReconcileLoop.StuckAfter);
        host.Stuck.Should().BeEmpty();
        _time.Advance(TimeSpan.FromSeconds(1));
        host.Stuck.Should().Contain("loop", "service has been reconciling default/hello for 301 s");

        _release.SetResult();
        await Eventually.HoldsAsync(() => host.Stuck.Should().BeEmpty());
        await _stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task A_leader_that_does_not_end_with_its_term_is_named()
    {
        var works = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var module = new StubbornModule(works, _release.Task);
        var options = new ModuleHostOptions
        {
            Election = new LeaderElectionOptions("system", "me"),
            StopTimeout = TimeSpan.FromSeconds(45),
        };
        var host = new ModuleHost([module], _cluster, _cluster, options, NullLoggerFactory.Instance, _time);
        var running = host.RunAsync(_stop.Token);
        await works.Task.WaitAsync(TimeSpan.FromSeconds(10));

        // Another takes the Lease by force; the next renewals find that out.
        var lease = _cluster.Find(Resources.Leases, "system", "controller.00-of-01")!;
        _cluster.Put(Resources.Leases, lease with { Spec = lease.Spec! with { HolderIdentity = "somebody-else" } });
        await Eventually.HoldsAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            host.Stuck.Should().ContainKey("controller").WhoseValue.Should().StartWith("the end of its term has made no progress for");
        });

        _release.SetResult();
        await Eventually.HoldsAsync(() => host.Stuck.Should().BeEmpty());
        await _stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task A_watch_that_neither_tells_nor_ends_is_named_and_an_API_server_that_is_away_is_not()
    {
        var client = Substitute.For<IKubernetesClient>();
        var isAway = true;
        client
            .ListAsync(Resources.Nodes, null, null, default)
            .ReturnsForAnyArgs(_ =>
                isAway
                    ? throw new KubernetesException("list nodes", new Status { Code = 503, Message = "away" })
                    : Task.FromResult(new KubernetesList<Node>())
            );
        client.WatchAsync(Resources.Nodes, null, null!, default).ReturnsForAnyArgs(call => NeverAsync<Node>(call.Arg<CancellationToken>()));
        var informers = new SharedInformers(client, NullLoggerFactory.Instance, _time);
        informers.For(Resources.Nodes);
        var running = informers.RunAsync(_stop.Token);
        for (var i = 0; i < 400; i++)
        {
            await Eventually.HoldsAsync(() => _time.ActiveTimers.Should().BePositive("it waits for its next try"));
            _time.Advance(TimeSpan.FromSeconds(10));
            informers.Stuck.Should().BeEmpty();
        }

        isAway = false;
        await Eventually.HoldsAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(10));
            informers.NotSynced.Should().BeEmpty();
        });
        _time.Advance(TimeSpan.FromMinutes(30));

        informers.Stuck.Should().ContainSingle().Which.Should().StartWith("the watch of nodes has made no progress for");
        await _stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(10));
        informers.Stuck.Should().BeEmpty("what was stopped does not hang");
    }

    private static async IAsyncEnumerable<WatchEvent<T>> NeverAsync<T>(
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation
    )
        where T : class, IKubernetesObject
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
        yield break;
    }

    private sealed class LoopModule(ReconcileLoop loop) : IServingModule
    {
        public string Name => "loop";

        public Activation Activation => Activation.Always;

        public string? StuckReason => loop.StuckReason;

        public Task RunAsync(IKubernetesClient client, CancellationToken cancellation) => loop.RunAsync(client, cancellation);
    }

    private sealed class StubbornModule(TaskCompletionSource works, Task end) : IServingModule
    {
        public string Name => "controller";

        public Activation Activation => Activation.Leader;

        public Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
        {
            works.TrySetResult();
            return end;
        }
    }
}
