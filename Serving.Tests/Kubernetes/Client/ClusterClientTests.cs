using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Leadership;

namespace Serving.Tests.Kubernetes.Client;

public sealed class ClusterClientTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private FakeApiServer _server = null!;
    private ClusterClient _client = null!;

    [SetUp]
    public async Task SetUp()
    {
        _server = await FakeApiServer.StartAsync();
        _client = _server.Client();
    }

    [TearDown]
    public async Task TearDown()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Test]
    public async Task A_refusal_carries_the_servers_status_and_says_what_was_done()
    {
        _server.Handler = (context, _) => FakeApiServer.Fail(context, 404, "NotFound", "configmaps x not found");

        var get = () => _client.GetAsync(Resources.ConfigMaps, "a", "x", None);

        var error = (await get.Should().ThrowAsync<KubernetesException>()).Which;
        error.IsNotFound.Should().BeTrue();
        error.Message.Should().Contain("get configmaps a/x").And.Contain("configmaps x not found");
        _server.Requests.Should().ContainSingle();
    }

    [TestCase("7", true)]
    [TestCase("8", false)]
    public async Task A_slim_copy_that_replaces_the_object_is_made_whole_if_it_is_the_newest(string newest, bool whole)
    {
        const string Annotation = "kubectl.kubernetes.io/last-applied-configuration";
        var stored = JsonSerializer.Serialize(
            new
            {
                metadata = new
                {
                    name = "x",
                    @namespace = "a",
                    resourceVersion = newest,
                    annotations = new Dictionary<string, string> { [Annotation] = "{\"a\":1}", ["k"] = "v" },
                },
            }
        );
        _server.Handler = (context, _) => FakeApiServer.Json(context, stored);
        var read = new ConfigMap
        {
            Metadata = new ObjectMeta
            {
                Name = "x",
                Namespace = "a",
                ResourceVersion = "7",
                Annotations = new Dictionary<string, string> { [Annotation] = "{}", ["k"] = "v" },
            },
        };
        var slim = CacheTransform.Apply(Resources.ConfigMaps, read);

        await _client.UpdateAsync(Resources.ConfigMaps, slim with { Metadata = slim.Metadata with { Finalizers = ["f"] } }, None);

        _server.Requests.Select(request => request.Method).Should().Equal("GET", "PUT");
        var sent = JsonSerializer.Deserialize(_server.Requests.Last().Body, Resources.ConfigMaps.Json)!;
        sent.Metadata.Finalizers.Should().Equal("f");
        sent.Metadata.ResourceVersion.Should().Be("7", "the server must refuse what was worked out from an old version");
        sent.Metadata.Annotations.GetValueOrDefault(Annotation).Should().Be(whole ? "{\"a\":1}" : null);
    }

    [TestCase(429, true)]
    [TestCase(503, true)]
    [TestCase(503, false)]
    public async Task A_busy_server_is_asked_again(int code, bool withRetryAfter)
    {
        _server.Handler = (context, number) =>
        {
            if (number >= 3)
            {
                return FakeApiServer.Json(context, """{"metadata":{"name":"x"}}""");
            }

            if (withRetryAfter)
            {
                context.Response.Headers.RetryAfter = "1";
            }

            return FakeApiServer.Fail(context, code, "TooManyRequests");
        };

        var value = await _client.GetAsync(Resources.ConfigMaps, "a", "x", None);

        value.Metadata.Name.Should().Be("x");
        _server.Requests.Should().HaveCount(3);
    }

    [Test]
    public async Task A_leaders_write_names_its_lease_and_is_not_repeated_once_the_term_is_over()
    {
        using var client = _server.Client(new ClusterClientOptions { Instance = "pod-1", FirstDelay = TimeSpan.FromMilliseconds(1) });
        using var term = new LeaderTerm(
            "controller.00-of-01",
            TimeSpan.FromMinutes(1),
            TimeProvider.System.GetTimestamp(),
            TimeProvider.System
        );
        var agents = new List<string>();
        _server.Handler = (context, _) =>
        {
            agents.Add(context.Request.Headers.UserAgent.ToString());
            term.End();
            return FakeApiServer.Fail(context, 503, "ServiceUnavailable");
        };
        var map = new ConfigMap
        {
            Metadata = new ObjectMeta
            {
                Namespace = "a",
                Name = "x",
                ResourceVersion = "7",
            },
        };

        var update = () => new FencedKubernetesClient(client, term).UpdateAsync(Resources.ConfigMaps, map, None);

        await update.Should().ThrowAsync<LeaseLostException>();
        agents.Should().Equal("serving/pod-1 (controller.00-of-01)");
    }

    [Test]
    public async Task A_create_is_repeated_only_when_the_server_says_that_it_did_nothing()
    {
        _server.Handler = (context, _) => FakeApiServer.Fail(context, 503, "ServiceUnavailable");
        var create = () => _client.CreateAsync(Resources.ConfigMaps, Map("x"), None);
        await create.Should().ThrowAsync<KubernetesException>();
        _server.Requests.Should().ContainSingle();

        _server.Handler = (context, number) =>
            number < 3 ? FakeApiServer.Fail(context, 429, "TooManyRequests") : FakeApiServer.Json(context, "{}", 201);
        await _client.CreateAsync(Resources.ConfigMaps, Map("x"), None);
        _server.Requests.Should().HaveCount(3);
    }

    [Test]
    public async Task A_read_whose_connection_breaks_is_repeated_and_a_create_is_not()
    {
        _server.Handler = (context, number) =>
        {
            if (number == 1 || context.Request.Method == "POST")
            {
                context.Abort();
                return Task.CompletedTask;
            }

            return FakeApiServer.Json(context, "{}");
        };

        await _client.GetAsync(Resources.ConfigMaps, "a", "x", None);
        _server.Requests.Should().HaveCount(2);
        var create = () => _client.CreateAsync(Resources.ConfigMaps, Map("x"), None);
        (await create.Should().ThrowAsync<KubernetesException>()).Which.Code.Should().Be(System.Net.HttpStatusCode.ServiceUnavailable);
        _server.Requests.Should().HaveCount(3);
    }

    [Test]
    public async Task Retries_are_bounded()
    {
        _server.Handler = (context, _) => FakeApiServer.Fail(context, 429, "TooManyRequests");

        var get = () => _client.GetAsync(Resources.ConfigMaps, "a", "x", None);

        await get.Should().ThrowAsync<KubernetesException>();
        _server.Requests.Should().HaveCount(5);
    }

    [Test]
    public async Task Lists_follow_pages()
    {
        _server.Handler = (context, number) =>
            FakeApiServer.Json(
                context,
                number switch
                {
                    1 => """{"metadata":{"resourceVersion":"7","continue":"next"},"items":[{"metadata":{"name":"a"}}]}""",
                    _ => """{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"b"}}]}""",
                }
            );

        var list = await _client.ListAsync(Resources.ConfigMaps, "n", new ListOptions(LabelSelector: "a in (b,c)"), None);

        list.Items.Select(item => item.Metadata.Name).Should().Equal("a", "b");
        list.Metadata.ResourceVersion.Should().Be("7");
        var queries = _server.Requests.Select(request => request.Query).ToArray();
        queries[0].Should().Be("?labelSelector=a%20in%20%28b%2Cc%29&limit=500");
        queries[1].Should().EndWith("&continue=next");
    }

    [Test]
    public async Task A_list_whose_pages_grew_old_is_read_again_in_one_piece()
    {
        _server.Handler = (context, _) =>
            context.Request.QueryString.Value switch
            {
                "?limit=500" => FakeApiServer.Json(
                    context,
                    """{"metadata":{"resourceVersion":"7","continue":"next"},"items":[{"metadata":{"name":"a"}}]}"""
                ),
                "?limit=500&continue=next" => FakeApiServer.Fail(context, 410, "Expired"),
                _ => FakeApiServer.Json(
                    context,
                    """{"metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}"""
                ),
            };

        var list = await _client.ListAsync(Resources.ConfigMaps, "n", null, None);

        list.Items.Select(item => item.Metadata.Name).Should().Equal("a", "b");
        list.Metadata.ResourceVersion.Should().Be("9");
    }

    [Test]
    public async Task A_read_is_repeated_whenever_the_server_says_when()
    {
        _server.Handler = (context, number) =>
        {
            context.Response.Headers.RetryAfter = "1";
            return number < 2 ? FakeApiServer.Fail(context, 500, "ServerTimeout") : FakeApiServer.Json(context, "{}");
        };
        await _client.GetAsync(Resources.ConfigMaps, "a", "x", None);
        _server.Requests.Should().HaveCount(2);

        _server.Handler = (context, _) => FakeApiServer.Fail(context, 500, "InternalError");
        var get = () => _client.GetAsync(Resources.ConfigMaps, "a", "x", None);
        await get.Should().ThrowAsync<KubernetesException>();
        _server.Requests.Should().HaveCount(3, "a plain failure stays one");
    }

    [Test]
    public async Task Who_waits_for_the_server_hears_of_an_answer_to_anybody()
    {
        using var leases = _client.CreateLeaseClient();
        _server.Handler = (context, number) =>
            number == 1 ? FakeApiServer.Fail(context, 503, "ServiceUnavailable") : FakeApiServer.Json(context, "{}");
        var answer = _client.NextResponse;

        var away = () => leases.GetAsync(Resources.Leases, "a", "x", None);
        (await away.Should().ThrowAsync<KubernetesException>()).Which.IsUnreachable.Should().BeTrue();
        answer.IsCompleted.Should().BeFalse();
        await leases.GetAsync(Resources.Leases, "a", "x", None);

        await answer.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Test]
    public async Task Watches_stream_events_bookmarks_and_errors()
    {
        _server.Handler = async (context, _) =>
        {
            await FakeApiServer.Line(context, """{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"8"}}}""");
            await FakeApiServer.Line(context, """{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}""");
            await FakeApiServer.Line(
                context,
                """{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"""
            );
        };
        var seen = new List<WatchEvent<ConfigMap>>();
        var watch = async () =>
        {
            await foreach (var item in _client.WatchAsync(Resources.ConfigMaps, null, new ListOptions(ResourceVersion: "7"), None))
            {
                seen.Add(item);
            }
        };

        (await watch.Should().ThrowAsync<KubernetesException>()).Which.IsGone.Should().BeTrue();

        seen.Select(item => item.Type).Should().Equal(WatchEventType.Added, WatchEventType.Bookmark);
        _server
            .Requests.Single()
            .Query.Should()
            .Contain("resourceVersion=7")
            .And.Contain("watch=true")
            .And.Contain("allowWatchBookmarks=true")
            .And.Contain("timeoutSeconds=");
    }

    [Test]
    public async Task A_watch_gives_an_event_as_it_comes_and_stops_when_told()
    {
        _server.Handler = async (context, _) =>
        {
            await FakeApiServer.Line(context, """{"type":"ADDED","object":{"metadata":{"name":"a"}}}""");
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        };
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var events = _client.WatchAsync(Resources.ConfigMaps, null, new ListOptions(), stop.Token).GetAsyncEnumerator(stop.Token);

        (await events.MoveNextAsync()).Should().BeTrue();
        var next = events.MoveNextAsync().AsTask();
        await stop.CancelAsync();

        await FluentActions.Awaiting(() => next).Should().ThrowAsync<OperationCanceledException>();
        await events.DisposeAsync();
    }

    [TestCase(PatchType.Json, "application/json-patch+json")]
    [TestCase(PatchType.Merge, "application/merge-patch+json")]
    [TestCase(PatchType.StrategicMerge, "application/strategic-merge-patch+json")]
    [TestCase(PatchType.Apply, "application/apply-patch+yaml")]
    public async Task Patches_say_their_kind(PatchType type, string contentType)
    {
        await _client.PatchAsync(
            Resources.Deployments,
            "a",
            "x",
            new Patch(type, "[]"),
            None,
            new WriteOptions(DryRun: true, FieldManager: "me", Force: true, FieldValidation: "Strict"),
            "scale"
        );

        var request = _server.Requests.Single();
        request.Method.Should().Be("PATCH");
        request.Path.Should().Be("/apis/apps/v1/namespaces/a/deployments/x/scale");
        request.ContentType.Should().Be(contentType);
        request.Query.Should().Be("?fieldManager=me&dryRun=All&fieldValidation=Strict" + (type == PatchType.Apply ? "&force=true" : ""));
    }

    [Test]
    public async Task Deletes_carry_propagation_and_preconditions()
    {
        await _client.DeleteAsync(Resources.Deployments, "a", "x", None, new DeleteOptions("Foreground", 0, "u", "5"));

        var body = JsonDocument.Parse(_server.Requests.Single().Body).RootElement;
        body.GetProperty("propagationPolicy").GetString().Should().Be("Foreground");
        body.GetProperty("gracePeriodSeconds").GetInt32().Should().Be(0);
        body.GetProperty("preconditions").GetProperty("uid").GetString().Should().Be("u");
        body.GetProperty("preconditions").GetProperty("resourceVersion").GetString().Should().Be("5");
    }

    [Test]
    public async Task Objects_say_what_they_are_even_when_they_came_from_a_list()
    {
        await _client.CreateAsync(Resources.ConfigMaps, Map("x"), None);

        var body = JsonDocument.Parse(_server.Requests.Single().Body).RootElement;
        body.GetProperty("kind").GetString().Should().Be("ConfigMap");
        body.GetProperty("apiVersion").GetString().Should().Be("v1");
    }

    [Test]
    public async Task A_token_that_is_refused_is_read_again()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "old\n");
            using var client = _server.Client(credential: new TokenFile(file));
            _server.Handler = (context, _) =>
                context.Request.Headers.Authorization == "Bearer new"
                    ? FakeApiServer.Json(context, "{}")
                    : FakeApiServer.Fail(context, 401, "Unauthorized");
            var first = () => client.GetAsync(Resources.ConfigMaps, "a", "x", None);
            (await first.Should().ThrowAsync<KubernetesException>()).Which.Code.Should().Be(System.Net.HttpStatusCode.Unauthorized);

            await File.WriteAllTextAsync(file, "new\n");
            await client.GetAsync(Resources.ConfigMaps, "a", "x", None);

            _server
                .Requests.Select(request => request.Authorization)
                .Should()
                .Equal("Bearer old", "Bearer old", "Bearer old", "Bearer new");
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Test]
    public async Task A_server_that_does_not_answer_in_time_is_given_up()
    {
        using var client = _server.Client(
            new ClusterClientOptions
            {
                RequestTimeout = TimeSpan.FromMilliseconds(50),
                Attempts = 2,
                FirstDelay = TimeSpan.FromMilliseconds(1),
            }
        );
        _server.Handler = (context, _) =>
            Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);

        var get = () => client.GetAsync(Resources.ConfigMaps, "a", "x", None);

        (await get.Should().ThrowAsync<KubernetesException>()).Which.Status.Reason.Should().Be("Timeout");
        _server.Requests.Should().HaveCount(2);
    }

    [Test]
    public async Task A_response_that_is_too_large_is_not_read()
    {
        using var client = _server.Client(new ClusterClientOptions { LargestResponse = 1024 * 1024 });
        _server.Handler = (context, _) =>
            FakeApiServer.Json(context, $$"""{"items":[],"padding":"{{new string('x', 2 * 1024 * 1024)}}"}""");

        var list = () => client.ListAsync(Resources.ConfigMaps, null, null, None);

        (await list.Should().ThrowAsync<KubernetesException>())
            .Which.Message.Should()
            .Contain("list configmaps")
            .And.Contain("more than 1 MiB");
        _server.Requests.Should().ContainSingle("asking again changes nothing");
    }

    [Test]
    public async Task Any_kind_goes_through_as_its_document()
    {
        _server.Handler = (context, _) =>
            FakeApiServer.Json(
                context,
                """{"apiVersion":"x.io/v1","kind":"Thing","metadata":{"name":"t","namespace":"n"},"spec":{"a":[1]}}"""
            );
        var things = Unstructured.Type("x.io", "v1", "things", "Thing", namespaced: true);

        var thing = await _client.GetAsync(things, "n", "t", None);
        await _client.UpdateAsync(things, thing, None);

        thing.Metadata.Name.Should().Be("t");
        thing.Get("spec", "a")!.Value.GetArrayLength().Should().Be(1);
        _server.Requests.Last().Path.Should().Be("/apis/x.io/v1/namespaces/n/things/t");
        _server.Requests.Last().Body.Should().Contain("\"spec\":{\"a\":[1]}");
    }

    [Test]
    public async Task Discovery_finds_the_resource_of_a_kind()
    {
        _server.Handler = (context, _) =>
            context.Request.Path.Value switch
            {
                "/api/v1" => FakeApiServer.Json(
                    context,
                    """{"resources":[{"name":"pods","kind":"Pod","namespaced":true,"verbs":["list","watch"]},{"name":"pods/log","kind":"Pod","namespaced":true}]}"""
                ),
                "/apis" => FakeApiServer.Json(
                    context,
                    """{"groups":[{"name":"x.io","versions":[{"groupVersion":"x.io/v1alpha1"},{"groupVersion":"x.io/v1"}],"preferredVersion":{"groupVersion":"x.io/v1"}}]}"""
                ),
                "/apis/x.io/v1" => FakeApiServer.Json(
                    context,
                    """{"resources":[{"name":"things","kind":"Thing","namespaced":false,"verbs":["delete"]}]}"""
                ),
                "/apis/x.io/v1alpha1" => FakeApiServer.Json(
                    context,
                    """{"resources":[{"name":"things","kind":"Thing","namespaced":false},{"name":"drafts","kind":"Draft","namespaced":true}]}"""
                ),
                _ => FakeApiServer.Fail(context, 404, "NotFound"),
            };
        var discovery = new ResourceDiscovery(_client);

        (await discovery.ListAsync(None))
            .Select(resource => resource.Type)
            .Should()
            .Equal(
                new ResourceType("", "v1", "pods", "Pod"),
                new ResourceType("x.io", "v1", "things", "Thing", false),
                new ResourceType("x.io", "v1alpha1", "drafts", "Draft")
            );
        (await discovery.FindAsync("x.io/v1", "Thing", None))!.Plural.Should().Be("things");
        (await discovery.FindAsync("y.io/v1", "Thing", None)).Should().BeNull();
        (await discovery.ServesAsync("v1", "pods/log", None)).Should().BeTrue();
        (await discovery.ServesAsync("v1", "pods/resize", None)).Should().BeFalse();
        (await discovery.ServesAsync("y.io/v1", "things", None)).Should().BeFalse();
    }

    private static ConfigMap Map(string name) =>
        new()
        {
            Metadata = new ObjectMeta { Namespace = "a", Name = name },
        };
}
