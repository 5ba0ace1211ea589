using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Queue;
using Serving.Kubernetes.Reconcilers;
using Serving.Observability.Logging;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ReconcileLoopTests
{
    private readonly InMemoryCluster _cluster = new();

    [Test]
    public async Task Objects_their_children_and_what_maps_to_them_are_reconciled()
    {
        var seen = new ConcurrentBag<ObjectKey>();
        var reconciler = new Recording(
            (key, _) =>
            {
                seen.Add(key);
                return Reconcile.Done;
            }
        );
        var loop = new ReconcileLoop(reconciler, NullLogger.Instance)
            .For(_cluster.For(Resources.Deployments))
            .Owns(_cluster.For(Resources.ReplicaSets), "Deployment")
            .Watches(_cluster.For(Resources.ConfigMaps), map => [new ObjectKey("mapped", map.Metadata.Name)]);
        loop.Enqueue(new ObjectKey("early", "bird"));
        _cluster.Put(
            Resources.Deployments,
            new Deployment
            {
                Metadata = new ObjectMeta { Namespace = "a", Name = "before" },
            }
        );
        using var stop = new CancellationTokenSource();
        var running = loop.RunAsync(_cluster, stop.Token);

        _cluster.Put(
            Resources.Deployments,
            new Deployment
            {
                Metadata = new ObjectMeta { Namespace = "a", Name = "after" },
            }
        );
        _cluster.Put(
            Resources.ConfigMaps,
            new ConfigMap
            {
                Metadata = new ObjectMeta { Namespace = "a", Name = "m" },
            }
        );
        _cluster.Put(
            Resources.ReplicaSets,
            new ReplicaSet
            {
                Metadata = new ObjectMeta
                {
                    Namespace = "a",
                    Name = "child",
                    OwnerReferences =
                    [
                        new OwnerReference
                        {
                            Kind = "Deployment",
                            Name = "owner",
                            Controller = true,
                        },
                        new OwnerReference { Kind = "Deployment", Name = "other" },
                    ],
                },
            }
        );

        await Eventually.HoldsAsync(() =>
            seen.Distinct().Select(key => key.ToString()).Order().Should().Equal("a/after", "a/before", "a/owner", "early/bird", "mapped/m")
        );
        await stop.CancelAsync();
        await running;
    }

    [Test]
    public async Task Its_log_lines_name_controller_kind_and_object()
    {
        using var output = new MemoryStream();
        using (var provider = new StructuredLoggerProvider(new LogOptions { Output = output }, TimeProvider.System))
        {
            var logger = provider.CreateLogger("Serving.Kubernetes.Test");
            var reconciled = new TaskCompletionSource();
            var reconciler = new Recording(
                (_, _) =>
                {
                    logger.LogInformation("here");
                    reconciled.TrySetResult();
                    return Reconcile.Done;
                }
            );
            var loop = new ReconcileLoop(reconciler, logger).For(_cluster.For(Resources.Deployments));
            _cluster.Put(
                Resources.Deployments,
                new Deployment
                {
                    Metadata = new ObjectMeta { Namespace = "a", Name = "b" },
                }
            );
            using var stop = new CancellationTokenSource();
            var running = loop.RunAsync(_cluster, stop.Token);
            await reconciled.Task.WaitAsync(TimeSpan.FromSeconds(30));
            await stop.CancelAsync();
            await running;
        }

        var lines = Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var line = JsonNode.Parse(lines.Should().ContainSingle(static one => one.Contains("\"here\"")).Which)!;
        line["knative.dev/controller"]!.GetValue<string>().Should().Be(new Recording((_, _) => Reconcile.Done).Name);
        line["knative.dev/kind"]!.GetValue<string>().Should().Be("apps.Deployment");
        line["knative.dev/key"]!.GetValue<string>().Should().Be("a/b");
        Guid.TryParse(line["knative.dev/traceid"]!.GetValue<string>(), out _).Should().BeTrue("nothing is traced");
    }

    [Test]
    public async Task Changes_are_mapped_by_what_they_change()
    {
        var seen = new ConcurrentBag<ObjectKey>();
        var reconciler = new Recording(
            (key, _) =>
            {
                seen.Add(key);
                return Reconcile.Done;
            }
        );
        var loop = new ReconcileLoop(reconciler, NullLogger.Instance).WatchesChanges(
            _cluster.For(Resources.ConfigMaps),
            static change => [new ObjectKey(change.Old is null ? "new" : "old", change.Object.Data["value"])]
        );
        using var stop = new CancellationTokenSource();
        var running = loop.RunAsync(_cluster, stop.Token);

        foreach (var value in (string[])["1", "2"])
        {
            _cluster.Put(
                Resources.ConfigMaps,
                new ConfigMap
                {
                    Metadata = new ObjectMeta { Namespace = "a", Name = "m" },
                    Data = new Dictionary<string, string> { ["value"] = value },
                }
            );
            await Eventually.HoldsAsync(() => seen.Should().Contain(key => key.Name == value));
        }

        seen.Select(static key => key.ToString()).Should().BeEquivalentTo("new/1", "old/2");
        await stop.CancelAsync();
        await running;
    }

    [Test]
    public async Task A_key_that_fails_is_tried_again_and_one_that_asks_is_looked_at_later()
    {
        var time = new ManualTimeProvider();
        var attempts = 0;
        var reconciler = new Recording(
            (_, _) =>
                Interlocked.Increment(ref attempts) switch
                {
                    1 => throw new InvalidOperationException("first"),
                    2 => Reconcile.After(TimeSpan.FromMinutes(1)),
                    _ => Reconcile.Done,
                }
        );
        var loop = new ReconcileLoop(reconciler, NullLogger.Instance, time);
        loop.Enqueue(new ObjectKey("a", "b"));
        using var stop = new CancellationTokenSource();
        var running = loop.RunAsync(_cluster, stop.Token);

        await Eventually.HoldsAsync(() => time.ActiveTimers.Should().Be(1));
        time.Advance(TimeSpan.FromMilliseconds(5));
        await Eventually.HoldsAsync(() => attempts.Should().Be(2));
        await Eventually.HoldsAsync(() => time.ActiveTimers.Should().Be(1));
        time.Advance(TimeSpan.FromMinutes(1));
        await Eventually.HoldsAsync(() => attempts.Should().Be(3));

        await stop.CancelAsync();
        await running;
    }

    [Test]
    public async Task A_name_that_somebody_else_has_is_tried_again_when_that_object_goes()
    {
        var attempts = 0;
        var owner = new Deployment
        {
            ApiVersion = "apps/v1",
            Kind = "Deployment",
            Metadata = new ObjectMeta
            {
                Namespace = "a",
                Name = "web",
                Uid = "1",
            },
        };
        var taken = _cluster.Put(
            Resources.ReplicaSets,
            new ReplicaSet
            {
                Metadata = new ObjectMeta { Namespace = "a", Name = "web-1" },
            }
        );
        var reconciler = new Recording(
            (_, _) =>
            {
                Interlocked.Increment(ref attempts);
                return _cluster.Find(Resources.ReplicaSets, "a", "web-1") is null
                    ? Reconcile.Done
                    : throw NotOwnedException.Of(owner, "ReplicaSet", taken);
            }
        );

        // The clock stands: nothing is tried again for the sake of time.
        var loop = new ReconcileLoop(reconciler, NullLogger.Instance, new ManualTimeProvider()).Owns(
            _cluster.For(Resources.ReplicaSets),
            "Deployment"
        );
        loop.Enqueue(new ObjectKey("a", "web"));
        using var stop = new CancellationTokenSource();
        var running = loop.RunAsync(_cluster, stop.Token);
        await Eventually.HoldsAsync(() => attempts.Should().Be(1));
        await Eventually.HoldsAsync(async () =>
        {
            // The failure is noted after the reconciler has thrown, so the first deletion may come too early.
            _cluster.Put(Resources.ReplicaSets, taken);
            await _cluster.DeleteAsync(Resources.ReplicaSets, "a", "web-1", default);
            attempts.Should().BeGreaterThan(1);
        });
        await stop.CancelAsync();
        await running;
    }

    [Test]
    public async Task A_refused_child_is_tried_again_within_a_minute_however_often_it_was_refused()
    {
        var time = new ManualTimeProvider();
        using var queue = new WorkQueue<string>("refused", time);
        for (var failure = 0; failure < 30; failure++)
        {
            queue.AddRateLimited("key", ReconcileLoop.ChildRetry);
            time.Advance(ReconcileLoop.ChildRetry);
            (await queue.TakeAsync(default)).Should().Be("key");
            queue.Done("key");
        }
    }

    [Test]
    public async Task What_is_refused_because_its_namespace_goes_is_no_trouble()
    {
        using var logs = new RecordingLogs();
        var attempts = 0;
        var status = new Status
        {
            State = "Failure",
            Code = 403,
            Reason = "Forbidden",
            Message = "deployments.apps \"web\" is forbidden: unable to create new content in namespace a because it is being terminated",
            Details = new StatusDetails
            {
                Causes =
                [
                    new StatusCause
                    {
                        Reason = "NamespaceTerminating",
                        Message = "namespace a is being terminated",
                        Field = "metadata.namespace",
                    },
                ],
            },
        };
        var reconciler = new Recording(
            (_, _) =>
            {
                Interlocked.Increment(ref attempts);
                throw new KubernetesException("create deployments a/web", status);
            }
        );
        var time = new ManualTimeProvider();
        var loop = new ReconcileLoop(reconciler, logs.CreateLogger("loop"), time, workers: 1);
        loop.Enqueue(new ObjectKey("a", "web"));
        using var stop = new CancellationTokenSource();
        var running = loop.RunAsync(_cluster, stop.Token);
        await Eventually.HoldsAsync(() => attempts.Should().Be(1));
        loop.Enqueue(new ObjectKey("b", "last"));
        await Eventually.HoldsAsync(() => attempts.Should().Be(2));

        time.ActiveTimers.Should().Be(0, "nothing is tried again");
        await stop.CancelAsync();
        await running;
        logs.Text.Should().NotContain("Warning");
    }

    [Test]
    public async Task A_second_term_starts_afresh()
    {
        var terms = 0;
        var reconciler = new Recording(
            (_, _) =>
            {
                Interlocked.Increment(ref terms);
                return Reconcile.Done;
            }
        );
        _cluster.Put(
            Resources.Deployments,
            new Deployment
            {
                Metadata = new ObjectMeta { Namespace = "a", Name = "web" },
            }
        );
        var loop = new ReconcileLoop(reconciler, NullLogger.Instance).For(_cluster.For(Resources.Deployments));

        for (var term = 1; term <= 2; term++)
        {
            using var stop = new CancellationTokenSource();
            var running = loop.RunAsync(_cluster, stop.Token);
            await Eventually.HoldsAsync(() => terms.Should().Be(term));
            await stop.CancelAsync();
            await running;
        }
    }

    [Test]
    public async Task What_is_asked_for_between_two_terms_is_not_kept()
    {
        var seen = new ConcurrentQueue<ObjectKey>();
        var reconciler = new Recording(
            (key, _) =>
            {
                seen.Enqueue(key);
                return Reconcile.Done;
            }
        );
        _cluster.Put(
            Resources.Deployments,
            new Deployment
            {
                Metadata = new ObjectMeta { Namespace = "a", Name = "web" },
            }
        );
        var loop = new ReconcileLoop(reconciler, NullLogger.Instance, workers: 1).For(_cluster.For(Resources.Deployments));
        using (var first = new CancellationTokenSource())
        {
            var running = loop.RunAsync(_cluster, first.Token);
            await Eventually.HoldsAsync(() => seen.Should().HaveCount(1));
            await first.CancelAsync();
            await running;
        }

        // A standby may be told of objects that come and go for months.
        loop.Enqueue(new ObjectKey("a", "gone"));

        using var second = new CancellationTokenSource();
        var again = loop.RunAsync(_cluster, second.Token);
        await Eventually.HoldsAsync(() => seen.Should().HaveCount(2));
        loop.Enqueue(new ObjectKey("a", "last"));
        await Eventually.HoldsAsync(() => seen.Select(static key => key.Name).Should().Equal("web", "web", "last"));
        await second.CancelAsync();
        await again;
    }

    [Test]
    public async Task What_another_controller_is_about_to_make_is_a_warning_only_when_it_stays_away()
    {
        using var logs = new RecordingLogs();
        var time = new ManualTimeProvider();
        var attempts = 0;
        var reconciler = new Recording(
            (_, _) =>
            {
                Interlocked.Increment(ref attempts);
                throw new AwaitedException("the Deployment is not known");
            }
        );
        var loop = new ReconcileLoop(reconciler, logs.CreateLogger("loop"), time);
        loop.Enqueue(new ObjectKey("a", "b"));
        using var stop = new CancellationTokenSource();
        var running = loop.RunAsync(_cluster, stop.Token);

        await TryAsync(12);
        logs.Text.Should().NotContain("Warning");
        await TryAsync(13);
        logs.Text.Should().Contain("Warning loop Reconciling recording a/b failed (attempt 13): the Deployment is not known");
        await stop.CancelAsync();
        await running;

        async Task TryAsync(int number)
        {
            while (Volatile.Read(ref attempts) < number)
            {
                await Eventually.HoldsAsync(() => (time.ActiveTimers > 0 || Volatile.Read(ref attempts) >= number).Should().BeTrue());
                if (Volatile.Read(ref attempts) < number)
                    time.Advance(TimeSpan.FromSeconds(30));
            }

            // The failure is reported before its next attempt is planned.
            await Eventually.HoldsAsync(() => time.ActiveTimers.Should().Be(1));
        }
    }

    [Test]
    public async Task A_child_that_is_in_the_way_is_one_line_a_minute_however_often_it_is_tried()
    {
        var time = new ManualTimeProvider();
        using var output = new MemoryStream();
        var attempts = 0;
        using (var provider = new StructuredLoggerProvider(new LogOptions { Format = LogFormat.Plain, Output = output }, time))
        {
            var owner = new Deployment
            {
                ApiVersion = "apps/v1",
                Kind = "Deployment",
                Metadata = new ObjectMeta
                {
                    Namespace = "a",
                    Name = "web",
                    Uid = "1",
                },
            };
            var taken = new ReplicaSet
            {
                Metadata = new ObjectMeta { Namespace = "a", Name = "web-1" },
            };
            var reconciler = new Recording(
                (_, _) =>
                {
                    Interlocked.Increment(ref attempts);
                    throw NotOwnedException.Of(owner, "ReplicaSet", taken);
                }
            );
            var loop = new ReconcileLoop(reconciler, provider.CreateLogger("Serving.Controller.recording"), time);
            loop.Enqueue(new ObjectKey("a", "web"));
            using var stop = new CancellationTokenSource();
            var running = loop.RunAsync(_cluster, stop.Token);
            for (var begin = time.GetUtcNow(); time.GetUtcNow() - begin < TimeSpan.FromSeconds(150); )
            {
                await Eventually.HoldsAsync(() => time.ActiveTimers.Should().Be(1));
                time.Advance(TimeSpan.FromSeconds(1));
            }

            await stop.CancelAsync();
            await running;
        }

        attempts.Should().BeGreaterThan(5);
        System
            .Text.Encoding.UTF8.GetString(output.ToArray())
            .Split('\n')
            .Count(static line => line.Contains("WARN", StringComparison.Ordinal))
            .Should()
            .BeInRange(2, 3);
    }

    private sealed class Recording(Func<ObjectKey, IKubernetesClient, Reconcile> work) : IReconciler
    {
        public string Name => "recording";

        public Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
        {
            try
            {
                return Task.FromResult(work(key, client));
            }
            catch (InvalidOperationException error)
            {
                return Task.FromException<Reconcile>(error);
            }
        }
    }
}
