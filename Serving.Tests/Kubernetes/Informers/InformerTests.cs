using System.Collections.Concurrent;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Informers;

[Category("Slow")]
public sealed class InformerTests
{
    private FakeApiServer _server = null!;
    private ClusterClient _client = null!;
    private CancellationTokenSource _stop = null!;
    private Informer<ConfigMap> _informer = null!;
    private ConcurrentQueue<string> _changes = null!;
    private Task _running = Task.CompletedTask;

    [SetUp]
    public async Task SetUp()
    {
        _server = await FakeApiServer.StartAsync();
        _client = _server.Client();
        _stop = new CancellationTokenSource();
        _changes = new ConcurrentQueue<string>();
        _informer = new Informer<ConfigMap>(_client, Resources.ConfigMaps, null, null, NullLogger.Instance);
        _informer.AddHandler(change =>
            _changes.Enqueue(
                $"{(change.Old is null ? "+" : change.New is null ? "-" : "~")}{change.Object.Metadata.Name}@{change.Object.Metadata.ResourceVersion}"
            )
        );
    }

    [TearDown]
    public async Task TearDown()
    {
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Test]
    public async Task One_object_is_asked_for_by_name_so_that_a_right_to_it_is_enough()
    {
        await using var cluster = await RunningServer.StartAsync();
        const string Roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/";
        await cluster.PostAsync(
            "/api/v1/namespaces/default/serviceaccounts",
            """{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"reader"}}"""
        );
        await cluster.PostAsync(
            $"{Roles}roles",
            """
            {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"reader"},
             "rules":[{"apiGroups":[""],"resources":["secrets"],"resourceNames":["mine"],"verbs":["get","list","watch"]}]}
            """
        );
        await cluster.PostAsync(
            $"{Roles}rolebindings",
            """
            {"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"reader"},
             "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"reader"},"subjects":[{"kind":"ServiceAccount","name":"reader","namespace":"default"}]}
            """
        );
        using var client = new ClusterClient(
            ClusterAccess.FromKubeconfig(cluster.Server.KubeconfigPath) with
            {
                Credential = new FixedCredential(await cluster.TokenAsync("default", "reader")),
            }
        );
        var informers = new SharedInformers(client, NullLoggerFactory.Instance);
        var one = informers.ForOne(Resources.Secrets, "default", "mine");
        using var stop = new CancellationTokenSource();
        var running = informers.RunAsync(stop.Token);

        await one.WaitForSyncAsync(stop.Token).WaitAsync(TimeSpan.FromSeconds(10));
        foreach (var name in new[] { "other", "mine" })
        {
            await cluster.PostAsync(
                "/api/v1/namespaces/default/secrets",
                $$"""{"apiVersion":"v1","kind":"Secret","metadata":{"name":"{{name}}"} }"""
            );
        }

        await Eventually.HoldsAsync(() => one.Lister.Get("default", "mine").Should().NotBeNull());
        one.Lister.Get("default", "other").Should().BeNull();
        await stop.CancelAsync();
        await running;
    }

    [Test]
    public async Task Its_state_tells_what_it_holds_and_finding_it_watches_nothing_more()
    {
        await using var cluster = await RunningServer.StartAsync();
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(cluster.Server.KubeconfigPath));
        var informers = new SharedInformers(client, NullLoggerFactory.Instance);
        informers.Find(Resources.ConfigMaps, "default").Should().BeNull();
        informers.For(Resources.ConfigMaps, "default");
        var lister = informers.Find(Resources.ConfigMaps, "default");
        informers.Find(Resources.Secrets).Should().BeNull();
        using var stop = new CancellationTokenSource();
        var running = informers.RunAsync(stop.Token);
        await informers.WaitForSyncAsync(stop.Token).WaitAsync(TimeSpan.FromSeconds(10));

        await cluster.PostAsync(
            "/api/v1/namespaces/default/configmaps",
            """{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"mine"} }"""
        );

        await Eventually.HoldsAsync(() =>
        {
            lister!.Get("default", "mine").Should().NotBeNull();
            var state = informers.States.Should().ContainSingle().Subject;
            state
                .Should()
                .BeEquivalentTo(
                    new
                    {
                        ApiVersion = "v1",
                        Kind = "ConfigMap",
                        Scope = "default",
                        HasSynced = true,
                        Lists = 1L,
                    }
                );
            state.LastEvent.Should().BeCloseTo(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
            state.Objects.Should().Be(lister.List().Count);
            state.LastError.Should().BeNull();
        });
        await stop.CancelAsync();
        await running;
    }

    [Test]
    public async Task It_lists_then_watches_and_keeps_the_copy_slim()
    {
        Serve(
            List(
                5,
                """{"metadata":{"name":"a","namespace":"n","uid":"1","resourceVersion":"3","managedFields":[{}],"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","k":"v"}}}"""
            ),
            [
                async context =>
                {
                    await FakeApiServer.Line(context, Event("ADDED", "b", 6));
                    await FakeApiServer.Line(context, Event("MODIFIED", "b", 7));
                    await FakeApiServer.Line(context, Event("DELETED", "a", 8));
                    await Hang(context);
                },
            ]
        );

        await _informer.WaitForSyncAsync(_stop.Token).WaitAsync(TimeSpan.FromSeconds(10));
        await Eventually.HoldsAsync(() => _changes.Should().Equal("+a@3", "+b@6", "~b@7", "-a@8"));

        _informer.Lister.Get("n", "a").Should().BeNull();
        _informer.Lister.Get("n", "b")!.Kind.Should().Be("ConfigMap");
        _server.Requests.Last().Query.Should().Contain("resourceVersion=5");
    }

    [Test]
    public async Task What_nobody_reads_is_left_out()
    {
        Serve(
            List(
                5,
                """{"metadata":{"name":"a","namespace":"n","uid":"1","resourceVersion":"3","managedFields":[{}],"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","k":"v"}}}"""
            ),
            [Hang]
        );

        await _informer.WaitForSyncAsync(_stop.Token).WaitAsync(TimeSpan.FromSeconds(10));

        var kept = _informer.Lister.Get("n", "a")!;
        kept.Metadata.ExtensionData.Should().BeNull();
        kept.Metadata.Annotations.Should().ContainSingle().Which.Key.Should().Be("k");
    }

    [Test]
    public async Task A_dropped_watch_resumes_from_the_last_version_it_heard_of()
    {
        Serve(
            List(5),
            [
                async context =>
                {
                    await FakeApiServer.Line(context, Event("ADDED", "b", 6));
                    await FakeApiServer.Line(context, """{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"40"}}}""");
                },
                async context =>
                {
                    await FakeApiServer.Line(context, Event("ADDED", "c", 41));
                    await Hang(context);
                },
            ]
        );

        await Eventually.HoldsAsync(() => _changes.Should().Equal("+b@6", "+c@41"));

        Queries("watch").Select(query => query.Contains("resourceVersion=40", StringComparison.Ordinal)).Should().Equal(false, true);
        _server.Requests.Count(request => !request.Query.Contains("watch")).Should().Be(1);
    }

    [Test]
    public async Task Too_old_a_version_lists_anew_and_tells_only_the_differences()
    {
        var lists = 0;
        Serve(
            () =>
                Interlocked.Increment(ref lists) == 1
                    ? List(5, Item("a", 3), Item("b", 4), Item("c", 5))
                    : List(50, Item("a", 3), Item("b", 44), Item("d", 45)),
            [
                context =>
                    FakeApiServer.Line(
                        context,
                        """{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}"""
                    ),
                Hang,
            ]
        );

        await Eventually.HoldsAsync(() => _changes.Skip(3).Should().BeEquivalentTo("~b@44", "+d@45", "-c@5"));

        _informer.Lister.List().Select(item => item.Metadata.Name).Should().BeEquivalentTo("a", "b", "d");
        await Eventually.HoldsAsync(() => Queries("watch").Last().Should().Contain("resourceVersion=50"));
    }

    [Test]
    public async Task An_object_made_again_under_its_name_is_told_as_gone_and_new()
    {
        var lists = 0;
        Serve(
            () => Interlocked.Increment(ref lists) == 1 ? List(5, Item("a", 3)) : List(50, Item("a", 44, "other")),
            [context => FakeApiServer.Fail(context, 410, "Expired"), Hang]
        );

        await Eventually.HoldsAsync(() => _changes.Should().Equal("+a@3", "-a@3", "+a@44"));
    }

    [Test]
    public async Task What_was_known_stays_readable_while_the_server_is_away()
    {
        Serve(
            List(5, Item("a", 3)),
            [
                .. Enumerable.Repeat<Func<HttpContext, Task>>(
                    context =>
                    {
                        context.Abort();
                        return Task.CompletedTask;
                    },
                    3
                ),
                async context =>
                {
                    await FakeApiServer.Line(context, Event("ADDED", "b", 6));
                    await Hang(context);
                },
            ]
        );

        await _informer.WaitForSyncAsync(_stop.Token).WaitAsync(TimeSpan.FromSeconds(10));
        _informer.Lister.Get("n", "a").Should().NotBeNull();
        await Eventually.HoldsAsync(() => _changes.Should().Equal("+a@3", "+b@6"));
        _informer.Lister.Get("n", "a").Should().NotBeNull();
    }

    [Test]
    public async Task After_an_outage_it_is_back_as_soon_as_the_server_answers_anybody()
    {
        var time = new ManualTimeProvider();
        var client = new AwayServer();
        var informer = new Informer<ConfigMap>(client, Resources.ConfigMaps, null, null, NullLogger.Instance, time);
        _running = informer.RunAsync(_stop.Token);
        await Eventually.HoldsAsync(() =>
        {
            // Until it waits for as long as it ever does.
            time.Advance(TimeSpan.FromSeconds(1));
            client.Lists.Should().BeGreaterThan(10);
        });
        await Eventually.HoldsAsync(() => time.ActiveTimers.Should().Be(1, "it waits"));
        var before = client.Lists;

        client.Answer();

        await Eventually.HoldsAsync(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(10));
            client.Lists.Should().Be(before + 1);
        });
        time.Advance(TimeSpan.FromMilliseconds(100));
        client.Answer();
        client.Lists.Should().Be(before + 1, "a server that answers others and not us is not hammered");
    }

    [Test]
    public async Task A_version_that_an_outage_made_too_old_costs_no_further_wait()
    {
        var lists = new ConcurrentQueue<long>();
        Serve(
            () =>
            {
                lists.Enqueue(Environment.TickCount64);
                return List(50, Item("a", 44));
            },
            [
                .. Enumerable.Repeat<Func<HttpContext, Task>>(
                    context =>
                    {
                        context.Abort();
                        return Task.CompletedTask;
                    },
                    4
                ),
                context =>
                {
                    lists.Enqueue(Environment.TickCount64);
                    return FakeApiServer.Fail(context, 410, "Expired");
                },
                Hang,
            ]
        );

        await Eventually.HoldsAsync(() => lists.Should().HaveCount(3));

        // After five failures in a row the next wait would be 0.8 s at least.
        var moments = lists.ToArray();
        (moments[2] - moments[1]).Should().BeLessThan(700);
    }

    [Test]
    public async Task A_late_handler_hears_of_everything_there_is()
    {
        Serve(List(5, Item("a", 3), Item("b", 4)), [Hang]);
        await _informer.WaitForSyncAsync(_stop.Token).WaitAsync(TimeSpan.FromSeconds(10));
        var late = new List<string>();

        using (_informer.AddHandler(change => late.Add(change.Object.Metadata.Name)))
        {
            late.Should().BeEquivalentTo("a", "b");
        }
    }

    [Test]
    public async Task Whoever_asks_for_the_same_collection_gets_the_same_informer()
    {
        _server.Handler = (context, _) =>
            context.Request.Query.ContainsKey("watch") ? Hang(context) : FakeApiServer.Json(context, List(5, Item("a", 3)));
        var informers = new SharedInformers(_client, NullLoggerFactory.Instance);
        var first = informers.For(Resources.ConfigMaps);
        informers.For(Resources.ConfigMaps, "").Should().BeSameAs(first);
        informers.For(Resources.ConfigMaps, "n").Should().NotBeSameAs(first);
        informers.NotSynced.Should().HaveCount(2);

        var running = informers.RunAsync(_stop.Token);
        var late = informers.For(Resources.Secrets);
        await informers.WaitForSyncAsync(_stop.Token).WaitAsync(TimeSpan.FromSeconds(10));

        late.HasSynced.Should().BeTrue();
        informers.NotSynced.Should().BeEmpty();
        await _stop.CancelAsync();
        await running.WaitAsync(TimeSpan.FromSeconds(10));
    }

    private static string Item(string name, int version, string uid = "u") =>
        $$$"""{"metadata":{"name":"{{{name}}}","namespace":"n","uid":"{{{uid}}}-{{{name}}}","resourceVersion":"{{{version}}}"}}""";

    private static string Event(string type, string name, int version) => $$"""{"type":"{{type}}","object":{{Item(name, version)}}}""";

    private static string List(int version, params string[] items) =>
        $$"""{"metadata":{"resourceVersion":"{{version}}"},"items":[{{string.Join(',', items)}}]}""";

    private static Task Hang(HttpContext context) =>
        context
            .Response.Body.FlushAsync()
            .ContinueWith(_ => Task.Delay(Timeout.Infinite, context.RequestAborted), TaskScheduler.Default)
            .Unwrap()
            .ContinueWith(_ => { }, TaskScheduler.Default);

    private IEnumerable<string> Queries(string containing) =>
        _server.Requests.Select(request => request.Query).Where(query => query.Contains(containing, StringComparison.Ordinal));

    /// <summary>A server that refuses us while it may answer others.</summary>
    private sealed class AwayServer : IKubernetesClient
    {
        private volatile TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _lists;

        public int Lists => Volatile.Read(ref _lists);

        public Task NextResponse => _next.Task;

        public void Answer()
        {
            var heard = _next;
            _next = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            heard.TrySetResult();
        }

        public Task<KubernetesList<T>> ListAsync<T>(ResourceType<T> type, string? ns, ListOptions? options, CancellationToken cancellation)
            where T : class, IKubernetesObject
        {
            Interlocked.Increment(ref _lists);
            throw new KubernetesException("list", new Status { Code = 503, Message = "away" });
        }

        public Task<T> GetAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation)
            where T : class, IKubernetesObject => throw new NotSupportedException();

        public IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
            ResourceType<T> type,
            string? ns,
            ListOptions options,
            CancellationToken cancellation
        )
            where T : class, IKubernetesObject => throw new NotSupportedException();

        public Task<T> CreateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
            where T : class, IKubernetesObject => throw new NotSupportedException();

        public Task<T> UpdateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
            where T : class, IKubernetesObject => throw new NotSupportedException();

        public Task<T> UpdateStatusAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
            where T : class, IKubernetesObject => throw new NotSupportedException();

        public Task<T> PatchAsync<T>(
            ResourceType<T> type,
            string? ns,
            string name,
            Patch patch,
            CancellationToken cancellation,
            WriteOptions? options = null,
            string? subresource = null
        )
            where T : class, IKubernetesObject => throw new NotSupportedException();

        public Task DeleteAsync<T>(
            ResourceType<T> type,
            string? ns,
            string name,
            CancellationToken cancellation,
            DeleteOptions? options = null
        )
            where T : class, IKubernetesObject => throw new NotSupportedException();
    }

    private void Serve(string list, Func<HttpContext, Task>[] watches) => Serve(() => list, watches);

    private void Serve(Func<string> list, Func<HttpContext, Task>[] watches)
    {
        var watch = -1;
        _server.Handler = (context, _) =>
            context.Request.Query.ContainsKey("watch")
                ? watches[Math.Min(Interlocked.Increment(ref watch), watches.Length - 1)](context)
                : FakeApiServer.Json(context, list());
        _running = _informer.RunAsync(_stop.Token);
    }
}
