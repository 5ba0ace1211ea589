using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.ConfigMaps;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Support;
using Serving.Webhook;

namespace Serving.Tests.ConfigMaps;

/// <summary>The errors of <c>kubectl edit</c>: invalid ConfigMaps through the webhook's TLS listener.</summary>
public sealed class ConfigMapAdmissionTests
{
    private readonly CancellationTokenSource _stop = new();
    private InMemoryCluster _cluster = null!;
    private LiveConfig _live = null!;
    private WebhookModule _module = null!;
    private ServedPorts _ports = null!;
    private Task _running = null!;
    private HttpClient _client = null!;

    private static IEnumerable<TestCaseData> Refused =>
        ConfigKeys.All.Where(key => key.Bad is not null).Select(key => new TestCaseData(key).SetArgDisplayNames(key.ToString()));

    private static IEnumerable<string> Maps => KnownConfigMaps.All.Select(kind => kind.Name);

    [OneTimeSetUp]
    public async Task Start()
    {
        _cluster = new InMemoryCluster();
        foreach (var entry in WebhookRegistration.Entries)
        {
            var hook = $$"""{"name":"{{entry.Name}}","clientConfig":{"service":{"name":"webhook","namespace":"knative-serving"} } }""";
            _cluster.Put(
                entry.Resource,
                new WebhookConfiguration
                {
                    ApiVersion = entry.Resource.ApiVersion,
                    Kind = entry.Resource.Kind,
                    Metadata = new() { Name = entry.Name },
                    Webhooks = [JsonDocument.Parse(hook).RootElement],
                }
            );
        }

        // The module makes the namespace the owner of its configurations.
        _cluster.Put(
            Resources.Namespaces,
            new Namespace
            {
                ApiVersion = Resources.Namespaces.ApiVersion,
                Kind = Resources.Namespaces.Kind,
                Metadata = new() { Name = LiveConfig.Namespace },
            }
        );
        _live = new LiveConfig(_cluster);
        var environment = new ClusterEnvironment(LiveConfig.Namespace, "cluster.local", "pod", IPAddress.Loopback);
        _module = new WebhookModule(
            new(IPAddress.Loopback, 0),
            environment,
            _cluster,
            _live.Store,
            NullLoggerFactory.Instance,
            TimeProvider.System
        );
        _ports = await ServedPorts.StartAsync(_module.Port);
        _running = _module.RunAsync(_cluster, _stop.Token);
        await Eventually.HoldsAsync(() => _module.NotReadyReason.Should().BeNull(), TimeSpan.FromSeconds(60));
        _client = Trusting(_cluster.Find(Resources.ValidatingWebhookConfigurations, null, "config.webhook.serving.knative.dev")!);
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        await _stop.CancelAsync();
        await _running.WaitAsync(TimeSpan.FromSeconds(60));
        await _ports.DisposeAsync();
        _module.Dispose();
        _client.Dispose();
        _live.Dispose();
        _stop.Dispose();
    }

    [TestCaseSource(nameof(Refused))]
    public async Task A_bad_value_is_refused_with_the_name_of_its_key(object key)
    {
        var of = (ConfigKey)key;
        var (allowed, message) = await ReviewAsync(of.Map, of.Data(of.Bad));
        allowed.Should().BeFalse();
        message.Should().StartWith("validation failed: ").And.Contain(of.Key);
    }

    [TestCaseSource(nameof(Maps))]
    public async Task A_change_of_the_documentation_alone_is_refused(string map)
    {
        var (allowed, message) = await ReviewAsync(
            map,
            new(ConfigKey.Required(map)) { [ExampleBlock.Key] = "edited" },
            checksum: ExampleBlock.Checksum("as it was")
        );
        allowed.Should().BeFalse();
        message.Should().StartWith("validation failed: the update modifies a key in \"_example\" which is probably not what you want.");
    }

    [TestCaseSource(nameof(Maps))]
    public async Task What_is_right_gets_in(string map) => (await ReviewAsync(map, ConfigKey.Required(map))).Allowed.Should().BeTrue();

    [Test]
    public async Task A_bad_domain_is_named() =>
        (await ReviewAsync("config-domain", new() { ["example.org"] = "selector: [a]" })).Message.Should().Contain("example.org");

    [Test]
    public async Task A_feature_flag_of_another_release_gets_in() =>
        (await ReviewAsync("config-features", new() { ["kubernetes.podspec-affinity"] = "sometimes" })).Allowed.Should().BeTrue();

    [Test]
    public async Task A_key_without_effect_gets_in_with_a_warning()
    {
        var answer = await AnswerAsync("config-logging", new() { ["loglevel.autoscalar"] = "debug" });
        answer["allowed"]!.GetValue<bool>().Should().BeTrue();
        answer["warnings"]!.AsArray().Should().ContainSingle().Which!.GetValue<string>().Should().Contain("\"loglevel.autoscalar\"");
    }

    private async Task<(bool Allowed, string Message)> ReviewAsync(string map, Dictionary<string, string> data, string? checksum = null)
    {
        var answer = await AnswerAsync(map, data, checksum);
        return (answer["allowed"]!.GetValue<bool>(), answer["status"]?["message"]?.GetValue<string>() ?? "");
    }

    private async Task<JsonNode> AnswerAsync(string map, Dictionary<string, string> data, string? checksum = null)
    {
        var document = new ConfigMap
        {
            ApiVersion = "v1",
            Kind = "ConfigMap",
            Metadata = new ObjectMeta
            {
                Name = map,
                Namespace = LiveConfig.Namespace,
                Annotations = checksum is null
                    ? Empty.Map
                    : new Dictionary<string, string> { [ExampleBlock.ChecksumAnnotation] = checksum },
            },
            Data = data,
        };
        var review = new JsonObject
        {
            ["apiVersion"] = "admission.k8s.io/v1",
            ["kind"] = "AdmissionReview",
            ["request"] = new JsonObject
            {
                ["uid"] = "u",
                ["kind"] = new JsonObject
                {
                    ["group"] = "",
                    ["version"] = "v1",
                    ["kind"] = "ConfigMap",
                },
                ["operation"] = "UPDATE",
                ["userInfo"] = new JsonObject { ["username"] = "ann" },
                ["object"] = JsonNode.Parse(JsonSerializer.Serialize(document, Resources.ConfigMaps.Json)),
            },
        };
        using var content = new StringContent(review.ToJsonString(), Encoding.UTF8, "application/json");
        using var response = await _client.PostAsync("/config-validation", content);
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!["response"]!;
    }

    private HttpClient Trusting(WebhookConfiguration configuration)
    {
        var bundle = configuration.Webhooks[0].GetProperty("clientConfig").GetProperty("caBundle").GetString()!;
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
                await socket.ConnectAsync(_module.Port.EndPoint!, cancellation);
                return new System.Net.Sockets.NetworkStream(socket, ownsSocket: true);
            },
        };
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.ImportFromPem(Encoding.UTF8.GetString(Convert.FromBase64String(bundle)));
        handler.SslOptions.CertificateChainPolicy = policy;
        return new HttpClient(handler) { BaseAddress = new Uri("https://webhook.knative-serving.svc") };
    }
}
