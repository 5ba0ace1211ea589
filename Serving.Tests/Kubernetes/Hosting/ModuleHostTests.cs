using System.Collections.Concurrent;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Kubernetes;
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
        var failing = new Fake("failing", Activation.Always, (_, token) => Interlocked.Increment(ref attempts) < 3 ? throw new InvalidOperationException("broken") : UntilAsync(token));
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
        var module = new Fake("controller", Activation.Leader, (client, token) =>
        {
            given = client;
            return UntilAsync(token);
        });
        var host = Host(new LeaderElectionOptions("system", "me"), module);
        using var stop = new CancellationTokenSource();
        var running = host.RunAsync(stop.Token);
        await Eventually.HoldsAsync(() => given.Should().BeOfType<FencedKubernetesClient>());
        _cluster.Find(Resources.Leases, "system", "controller.00-of-01")!.Spec!.HolderIdentity.Should().Be("me");

        await stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(10));

        _cluster.Find(Resources.Leases, "system", "controller.00-of-01")!.Spec!.HolderIdentity.Should().BeNullOrEmpty();
    }

    private static async Task UntilAsync(CancellationToken token)
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = token.Register(() => over.TrySetResult());
        await over.Task;
    }

    private Fake Module(string name, Activation activation = Activation.Always)
        => new(name, activation, async (_, token) =>
        {
            _log.Enqueue($"{name} started");
            await UntilAsync(token);
            _log.Enqueue($"{name} stopped");
        });

    private ModuleHost Host(LeaderElectionOptions? election, params IServingModule[] modules)
        => new(modules, _cluster, _cluster, new ModuleHostOptions { Election = election, FirstRestart = TimeSpan.FromMilliseconds(1) }, NullLoggerFactory.Instance);

    private sealed class Fake(string name, Activation activation, Func<IKubernetesClient, CancellationToken, Task> run) : IServingModule
    {
        public string Name => name;

        public Activation Activation => activation;

        public Task RunAsync(IKubernetesClient client, CancellationToken cancellation) => run(client, cancellation);
    }
}
