using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Leadership;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Hosting;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ModuleHostTests
{
    private readonly InMemoryCluster _cluster = new();
    private readonly ConcurrentQueue<string> _log = new();

    [Test]
    public async Task Modules_stop_in_the_reverse_order()
    {
        var host = Host(null, Module("first"), Module("second", Activation.Leader));
        using var stop = new CancellationTokenSource();
        host.NotReady.Should().HaveCount(2);
        var running = host.RunAsync(stop.Token);
        await Eventually.HoldsAsync(() => _log.Should().HaveCount(2));
        host.NotReady.Should().BeEmpty();
        host.Leading.Should().Equal("second");

        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(10));

        _log.Skip(2).Should().Equal("second stopped", "first stopped");
    }

    [Test]
    public async Task A_module_that_fails_is_run_again_and_does_not_disturb_the_others()
    {
        var attempts = 0;
        var failing = new Fake(
            "failing",
            Activation.Always,
            (_, token) => Interlocked.Increment(ref attempts) < 3 ? throw new InvalidOperationException("broken") : UntilAsync(token)
        );
        var host = Host(null, Module("steady"), failing);
        using var stop = new CancellationTokenSource();
        var running = host.RunAsync(stop.Token);

        await Eventually.HoldsAsync(() => attempts.Should().Be(3));
        await Eventually.HoldsAsync(() => host.NotReady.Should().BeEmpty());

        _log.Should().Equal("steady started");
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task A_leaders_module_works_under_its_lease_with_a_fenced_client()
    {
        IKubernetesClient? given = null;
        var module = new Fake(
            "controller",
            Activation.Leader,
            (client, token) =>
            {
                given = client;
                return UntilAsync(token);
            }
        );
        var host = Host(new LeaderElectionOptions("system", "me"), module);
        using var stop = new CancellationTokenSource();
        var running = host.RunAsync(stop.Token);
        await Eventually.HoldsAsync(() => given.Should().BeOfType<FencedKubernetesClient>());
        _cluster.Find(Resources.Leases, "system", "controller.00-of-01")!.Spec!.HolderIdentity.Should().Be("me");

        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(10));

        _cluster.Find(Resources.Leases, "system", "controller.00-of-01")!.Spec!.HolderIdentity.Should().BeNullOrEmpty();
    }

    [Test]
    public async Task A_leader_that_fails_is_remarked_and_counted_and_leaves_the_process_ready()
    {
        var name = $"controller-{Guid.NewGuid():N}";
        var failures = new ConcurrentQueue<long>();
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, self) =>
            {
                if (instrument.Name == "serving.module.failures")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>(
            (_, value, tags, _) =>
            {
                if (tags.ToArray().Contains(new KeyValuePair<string, object?>("module", name)))
                {
                    failures.Enqueue(value);
                }
            }
        );
        listener.Start();
        var failing = new Fake(name, Activation.Leader, (_, _) => throw new InvalidOperationException("broken"));
        var host = Host(new LeaderElectionOptions("system", "me"), TimeSpan.FromHours(1), Module("gateway"), failing);
        using var stop = new CancellationTokenSource();
        var running = host.RunAsync(stop.Token);

        await Eventually.HoldsAsync(() => host.Remarks.Should().Equal(new Dictionary<string, string> { [name] = "failed: broken" }));

        host.NotReady.Should().BeEmpty("gateway and activator of this process serve on");
        failures.Should().Equal(1);
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task A_module_for_every_replica_that_fails_makes_the_process_not_ready()
    {
        var failing = new Fake("gateway", Activation.Always, (_, _) => throw new InvalidOperationException("broken"));
        var host = Host(null, TimeSpan.FromHours(1), failing);
        using var stop = new CancellationTokenSource();
        var running = host.RunAsync(stop.Token);

        await Eventually.HoldsAsync(() => host.NotReady.Should().Equal(new Dictionary<string, string> { ["gateway"] = "failed: broken" }));

        host.Remarks.Should().BeEmpty();
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task A_candidature_that_breaks_is_begun_again()
    {
        var host = new ModuleHost(
            [Module("controller", Activation.Leader)],
            _cluster,
            _cluster,
            new ModuleHostOptions { Election = new LeaderElectionOptions("system", "me"), FirstRestart = TimeSpan.FromMilliseconds(1) },
            NullLoggerFactory.Instance,
            leases: new BrokenOnce(_cluster.For(Resources.Leases))
        );
        using var stop = new CancellationTokenSource();
        var running = host.RunAsync(stop.Token);

        await Eventually.HoldsAsync(() => host.Leading.Should().Equal("controller"));

        host.Remarks.Should().BeEmpty();
        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(10));
    }

    private static async Task UntilAsync(CancellationToken token)
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = token.Register(() => over.TrySetResult());
        await over.Task;
    }

    private Fake Module(string name, Activation activation = Activation.Always) =>
        new(
            name,
            activation,
            async (_, token) =>
            {
                _log.Enqueue($"{name} started");
                await UntilAsync(token);
                _log.Enqueue($"{name} stopped");
            }
        );

    private ModuleHost Host(LeaderElectionOptions? election, params IServingModule[] modules) =>
        Host(election, TimeSpan.FromMilliseconds(1), modules);

    private ModuleHost Host(LeaderElectionOptions? election, TimeSpan restart, params IServingModule[] modules) =>
        new(
            modules,
            _cluster,
            _cluster,
            new ModuleHostOptions
            {
                Election = election,
                FirstRestart = restart,
                LongestRestart = restart * 2,
            },
            NullLoggerFactory.Instance
        );

    /// <summary>An informer that fails whoever asks it first.</summary>
    private sealed class BrokenOnce(IInformer<Lease> inner) : IInformer<Lease>
    {
        private int _asked;

        public ILister<Lease> Lister => inner.Lister;

        public bool HasSynced => inner.HasSynced;

        public Task WaitForSyncAsync(CancellationToken cancellation) => inner.WaitForSyncAsync(cancellation);

        public IDisposable AddHandler(Action<Change<Lease>> handler) =>
            Interlocked.Increment(ref _asked) == 1 ? throw new InvalidOperationException("broken") : inner.AddHandler(handler);
    }

    private sealed class Fake(string name, Activation activation, Func<IKubernetesClient, CancellationToken, Task> run) : IServingModule
    {
        public string Name => name;

        public Activation Activation => activation;

        public Task RunAsync(IKubernetesClient client, CancellationToken cancellation) => run(client, cancellation);
    }
}
