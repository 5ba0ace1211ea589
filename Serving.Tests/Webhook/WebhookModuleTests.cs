using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.LocalCluster.ApiServer.Patches;
using Serving.Tests.Api.Validation;
using Serving.Tests.Support;
using Serving.Webhook;

namespace Serving.Tests.Webhook;

/// <summary>Admission through a real TLS listener, trusted through the registered CA bundle.</summary>
[Category("Slow")]
public sealed class WebhookModuleTests
{
    private const string Good =
        """{"apiVersion":"serving.knative.dev/v1","kind":"Service","metadata":{"name":"hello","namespace":"default"},"spec":{"template":{"spec":{"containers":[{"image":"busybox"}]}}}}""";

    private RunningWebhook _webhook = null!;

    private InMemoryCluster Cluster => _webhook.Cluster;

    private HttpClient Client => _webhook.Client;

    [OneTimeSetUp]
    public async Task Start() => _webhook = await RunningWebhook.StartAsync();

    [OneTimeTearDown]
    public async Task Stop() => await _webhook.DisposeAsync();

    [Test]
    public async Task Refuses_TLS_1_1() =>
        (await OldTlsClient.GreetAsync(_webhook.EndPoint, "webhook.knative-serving.svc")).Should().Equal(OldTlsClient.VersionRefused);

    [Test]
    public void Configurations_get_path_rules_and_authorities()
    {
        foreach (var entry in WebhookRegistration.Entries)
        {
            var webhook = Cluster.Find(entry.Resource, null, entry.Name)!.Webhooks.Single();

            webhook.GetProperty("clientConfig").GetProperty("service").GetProperty("path").GetString().Should().Be(entry.Path);
            webhook.GetProperty("clientConfig").GetProperty("caBundle").GetString().Should().NotBeEmpty();
            webhook.GetProperty("rules").GetArrayLength().Should().BePositive();
            webhook.GetProperty("failurePolicy").GetString().Should().Be("Fail");
        }
    }

    [Test]
    public void Configurations_belong_to_the_namespace_of_the_installation()
    {
        foreach (var entry in WebhookRegistration.Entries)
        {
            Cluster
                .Find(entry.Resource, null, entry.Name)!
                .Metadata.OwnerReferences.Should()
                .BeEquivalentTo(
                    new[]
                    {
                        new OwnerReference
                        {
                            ApiVersion = "v1",
                            Kind = "Namespace",
                            Name = "knative-serving",
                            Uid = "the-uid",
                            Controller = false,
                            BlockOwnerDeletion = true,
                        },
                    }
                );
        }
    }

    [Test]
    public void Rules_name_the_verbs_and_kinds_but_no_statuses()
    {
        JsonElement RulesOf(string name) =>
            Cluster
                .Find(WebhookRegistration.Entries.Single(e => e.Name == name).Resource, null, name)!
                .Webhooks.Single()
                .GetProperty("rules");
        string Rule(JsonElement rule) =>
            string.Join(
                ' ',
                rule.GetProperty("apiGroups")[0],
                rule.GetProperty("apiVersions")[0],
                string.Join(',', rule.GetProperty("resources").EnumerateArray()),
                string.Join(',', rule.GetProperty("operations").EnumerateArray())
            );

        RulesOf("validation.webhook.serving.knative.dev")
            .EnumerateArray()
            .Select(Rule)
            .Should()
            .Equal(
                "autoscaling.internal.knative.dev v1alpha1 metrics CREATE,UPDATE,DELETE",
                "autoscaling.internal.knative.dev v1alpha1 podautoscalers CREATE,UPDATE,DELETE",
                "networking.internal.knative.dev v1alpha1 certificates CREATE,UPDATE,DELETE",
                "networking.internal.knative.dev v1alpha1 ingresses CREATE,UPDATE,DELETE",
                "networking.internal.knative.dev v1alpha1 serverlessservices CREATE,UPDATE,DELETE",
                "serving.knative.dev v1 configurations CREATE,UPDATE,DELETE",
                "serving.knative.dev v1 revisions CREATE,UPDATE,DELETE",
                "serving.knative.dev v1 routes CREATE,UPDATE,DELETE",
                "serving.knative.dev v1 services CREATE,UPDATE,DELETE",
                "serving.knative.dev v1beta1 domainmappings CREATE,UPDATE,DELETE"
            );
        RulesOf("webhook.serving.knative.dev")
            .EnumerateArray()
            .Select(Rule)
            .Should()
            .HaveCount(10)
            .And.OnlyContain(r => r.EndsWith(" CREATE,UPDATE"));
        RulesOf("config.webhook.serving.knative.dev").EnumerateArray().Select(Rule).Should().Equal(" v1 configmaps/* CREATE,UPDATE");
    }

    [Test]
    public async Task A_service_is_defaulted_by_a_patch()
    {
        var response = await Review("/defaulting", "CREATE", Good);

        response["uid"]!.GetValue<string>().Should().Be("u");
        response["allowed"]!.GetValue<bool>().Should().BeTrue();
        response["patchType"]!.GetValue<string>().Should().Be("JSONPatch");
        var patch = Encoding.UTF8.GetString(Convert.FromBase64String(response["patch"]!.GetValue<string>()));
        patch
            .Should()
            .Contain("\"/spec/traffic\"")
            .And.Contain("serving.knative.dev/creator")
            .And.Contain("ann")
            .And.Contain("user-container");
    }

    [Test]
    public async Task A_refusal_says_why_in_the_words_of_the_field_error()
    {
        var response = await Review(
            "/resource-validation",
            "CREATE",
            Good.Replace("\"image\":\"busybox\"", "\"name\":\"a\"", StringComparison.Ordinal)
        );

        response["allowed"]!.GetValue<bool>().Should().BeFalse();
        response["status"]!["code"]!.GetValue<int>().Should().Be(400);
        response["status"]!["message"]!
            .GetValue<string>()
            .Should()
            .StartWith("validation failed: ")
            .And.Contain("missing field(s): spec.template.spec.containers[0].image");
    }

    [Test]
    public async Task An_accepted_service_carries_warnings_of_one_line_each()
    {
        var response = await Review(
            "/resource-validation",
            "CREATE",
            Good.Replace("\"spec\":{\"template\"", "\"spec\":{\"traffic\":[{\"percent\":100}],\"template\"", StringComparison.Ordinal)
        );

        response["allowed"]!.GetValue<bool>().Should().BeTrue(response.ToJsonString());
        response["warnings"]!.AsArray().Should().OnlyContain(w => !w!.GetValue<string>().Contains('\n'));
    }

    [Test]
    public async Task Deletes_are_let_through() =>
        (await Review("/resource-validation", "DELETE", null))["allowed"]!.GetValue<bool>().Should().BeTrue();

    [Test]
    public async Task A_kind_that_is_not_ours_is_refused_by_name() =>
        (await Review("/defaulting", "CREATE", "{}", kind: "Broker"))["status"]!["message"]!
            .GetValue<string>()
            .Should()
            .Be("mutation failed: unhandled kind: serving.knative.dev/v1, Kind=Broker");

    [Test]
    public async Task A_config_map_that_says_something_impossible_is_refused()
    {
        var response = await Review(
            "/config-validation",
            "UPDATE",
            """{"metadata":{"name":"config-autoscaler"},"data":{"stable-window":"1s"}}""",
            kind: "ConfigMap",
            group: ""
        );

        response["allowed"]!.GetValue<bool>().Should().BeFalse();
        response["status"]!["message"]!.GetValue<string>().Should().StartWith("validation failed: ");
    }

    [Test]
    public async Task The_registration_is_repaired_when_somebody_takes_it_back()
    {
        var entry = WebhookRegistration.Entries[0];
        var current = await Cluster.GetAsync(entry.Resource, null, entry.Name, default);
        var bare = Parse($$"""{"name":"{{entry.Name}}","clientConfig":{"service":{"name":"webhook","namespace":"knative-serving"} } }""");

        await Cluster.UpdateAsync(entry.Resource, current with { Webhooks = [bare] }, default);

        await Eventually.HoldsAsync(
            () =>
                Cluster
                    .Find(entry.Resource, null, entry.Name)!
                    .Webhooks[0]
                    .GetProperty("clientConfig")
                    .TryGetProperty("caBundle", out _)
                    .Should()
                    .BeTrue(),
            TimeSpan.FromSeconds(30)
        );
    }

    [Test]
    public async Task Bodies_beyond_the_bound_are_refused()
    {
        // The server may close before the whole body is sent, so the client sends Expect: 100-continue.
        using var request = new HttpRequestMessage(HttpMethod.Post, "/defaulting")
        {
            Content = Json(new string(' ', (3 * 1024 * 1024) + 1)),
        };
        request.Headers.ExpectContinue = true;
        using var response = await Client.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.RequestEntityTooLarge);
    }

    [Test]
    public async Task Nesting_beyond_the_bound_is_refused()
    {
        using var content = Json(new string('[', 100_000));
        using var response = await Client.PostAsync("/resource-validation", content);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
    }

    [Test]
    public async Task Every_rule_of_pods_holds_through_the_listener_too()
    {
        foreach (var rule in PodRules.All.Where(r => r.Features is null))
        {
            var service = JsonNode.Parse(
                $$"""{"apiVersion":"serving.knative.dev/v1","kind":"Service","metadata":{"name":"byo","namespace":"default"},"spec":{"template":{"spec":{{rule.PodSpec}} } } }"""
            )!;
            var defaulted = await Review("/defaulting", "CREATE", service.ToJsonString());
            defaulted["allowed"]!.GetValue<bool>().Should().BeTrue(rule.Name);
            var patch = JsonNode.Parse(Convert.FromBase64String(defaulted["patch"]!.GetValue<string>()))!.AsArray();

            var judged = await Review("/resource-validation", "CREATE", JsonPatch.Apply(service, patch)!.ToJsonString());

            var message = judged["status"]?["message"]?.GetValue<string>() ?? "";
            message.Should().Be(rule.Refusal.Length == 0 ? "" : $"validation failed: {rule.Refusal}", rule.Name);
            judged["allowed"]!.GetValue<bool>().Should().Be(rule.Refusal.Length == 0, rule.Name);
        }
    }

    [Test]
    public async Task The_warning_about_insecure_defaults_is_the_one_that_users_know()
    {
        var response = await Review(
            "/resource-validation",
            "CREATE",
            Good.Replace("\"spec\":{\"template\"", "\"spec\":{\"traffic\":[{\"percent\":100}],\"template\"", StringComparison.Ordinal)
        );

        response["warnings"]!
            .AsArray()
            .Select(w => w!.GetValue<string>())
            .Should()
            .Equal(
                "Kubernetes default value is insecure, Knative may default this to secure in a future release: "
                    + "spec.template.spec.containers[0].securityContext.allowPrivilegeEscalation, spec.template.spec.containers[0].securityContext.capabilities, "
                    + "spec.template.spec.containers[0].securityContext.runAsNonRoot, spec.template.spec.containers[0].securityContext.seccompProfile"
            );
    }

    [Test]
    public async Task Thousands_of_hostile_bodies_are_answered_over_TLS()
    {
        string[] paths = ["/defaulting", "/resource-validation", "/config-validation"];
        await Parallel.ForEachAsync(
            Enumerable.Range(1_000_000, 3000),
            new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (seed, cancellation) =>
            {
                using var content = new ByteArrayContent(new HostileReviews(seed).Next());
                content.Headers.ContentType = new("application/json");
                using var response = await Client.PostAsync(paths[seed % paths.Length], content, cancellation);
                ((int)response.StatusCode).Should().BeOneOf([200, 400], $"seed {seed}");
            }
        );
        (await Review("/defaulting", "CREATE", Good))["allowed"]!.GetValue<bool>().Should().BeTrue();
    }

    [Test]
    public async Task A_body_as_large_as_may_be_is_read()
    {
        var annotations = $",\"annotations\":{{\"a\":\"{new string('x', (3 * 1024 * 1024) - 2048)}\"}}";

        (await Review("/defaulting", "CREATE", Good.Replace("\"hello\"", "\"hello\"" + annotations, StringComparison.Ordinal)))["allowed"]!
            .GetValue<bool>()
            .Should()
            .BeTrue();
    }

    [Test]
    public async Task A_body_that_ends_too_soon_is_no_review()
    {
        using var content = Json(Good[..^20]);
        using var response = await Client.PostAsync("/defaulting", content);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
    }

    [Test]
    public void Whatever_an_object_holds_gets_a_review()
    {
        string[] values =
        [
            "null",
            "1",
            "-1e30",
            "\"\\ud800\"",
            "true",
            "[]",
            "{}",
            "[null]",
            "[{}]",
            "[[]]",
            "{\"a\":null}",
            "\"x\"",
            "[1]",
            "{\"name\":1}",
        ];
        string[] paths =
        [
            "metadata",
            "spec",
            "template",
            "containers",
            "traffic",
            "annotations",
            "name",
            "ports",
            "env",
            "volumes",
            "readinessProbe",
            "resources",
            "securityContext",
        ];
        var cases =
            from path in Gen.Elements(paths)
            from value in Gen.Elements(values)
            from operation in Gen.Elements("CREATE", "UPDATE")
            select (path, value, operation);

        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(60),
            Prop.ForAll(
                cases.ToArbitrary(),
                c =>
                {
                    var value = c.path switch
                    {
                        "metadata" or "spec" => $$"""{"{{c.path}}":{{c.value}} }""",
                        "annotations" or "name" => $$"""{"metadata":{"{{c.path}}":{{c.value}} } }""",
                        "template" or "traffic" => $$"""{"spec":{"{{c.path}}":{{c.value}} } }""",
                        "containers" or "volumes" => $$"""{"spec":{"template":{"spec":{"{{c.path}}":{{c.value}} } } } }""",
                        _ => $$"""{"spec":{"template":{"spec":{"containers":[{"{{c.path}}":{{c.value}} }]} } } }""",
                    };
                    var first = Review("/defaulting", c.operation, value, old: value).GetAwaiter().GetResult();
                    var second = Review("/resource-validation", c.operation, value, old: value).GetAwaiter().GetResult();
                    return first["allowed"] is not null && second["allowed"] is not null;
                }
            )
        );
    }

    private static JsonElement Parse(string json) => JsonDocument.Parse(json).RootElement;

    private static StringContent Json(string text) => RunningWebhook.Json(text);

    private async Task<JsonNode> Review(
        string path,
        string operation,
        string? value,
        string kind = "Service",
        string group = "serving.knative.dev",
        string? old = null
    ) =>
        await _webhook.AskAsync(
            path,
            $$"""
            {"uid":"u","kind":{"group":"{{group}}","version":"v1","kind":"{{kind}}"},
             "operation":"{{operation}}","userInfo":{"username":"ann"},"object":{{value ?? "null"}},"oldObject":{{(
                operation == "UPDATE" ? old ?? "null" : "null"
            )}} }
            """
        );
}
