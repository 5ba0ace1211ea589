using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.Deploy;

/// <summary><c>deploy/takeover/services</c>, which points the control plane's Services at one implementation or the other.</summary>
[TestFixture]
[Parallelizable]
public sealed class TakeoverServicesTests
{
    private const string Theirs = """
        apiVersion: v1
        kind: Namespace
        metadata: {name: knative-serving}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: webhook, namespace: knative-serving}
        spec: {selector: {app: webhook, role: webhook}, ports: [{name: https-webhook, port: 443, targetPort: https-webhook}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: activator-service, namespace: knative-serving}
        spec: {selector: {app: activator}, ports: [{name: http, port: 80, targetPort: 8012}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: autoscaler, namespace: knative-serving}
        spec: {selector: {app: autoscaler}, ports: [{name: http, port: 8080}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: controller, namespace: knative-serving}
        spec: {selector: {app: controller}, ports: [{name: http-metrics, port: 9090}]}
        """;

    private static readonly string[] Names = ["webhook", "activator-service", "autoscaler", "controller"];

    [Test]
    public async Task One_that_is_named_moves_alone()
    {
        Kubectl.Require();
        await using var server = await StartAsync();
        var before = await SelectorsAsync(server);

        (await Kubectl.RunAsync(Repository.PathOf("deploy", "takeover", "services"), ["ours", "autoscaler"], server.Server.KubeconfigPath))
            .Code.Should()
            .Be(0);

        var after = await SelectorsAsync(server);
        after["autoscaler"]
            .Selects(RenderedManifest.Read("serving-takeover.yaml").Single(item => item.Kind == "Deployment").PodLabels())
            .Should()
            .BeTrue();
        after.Where(entry => entry.Key != "autoscaler").Should().BeEquivalentTo(before.Where(entry => entry.Key != "autoscaler"));
    }

    [Test]
    public async Task Services_lead_to_us_and_back_to_exactly_what_they_selected()
    {
        Kubectl.Require();
        await using var server = await StartAsync();
        var before = await SelectorsAsync(server);

        (await Kubectl.RunAsync(Repository.PathOf("deploy", "takeover", "services"), ["ours"], server.Server.KubeconfigPath))
            .Code.Should()
            .Be(0);
        var ours = await SelectorsAsync(server);
        var pods = RenderedManifest.Read("serving-takeover.yaml").Single(item => item.Kind == "Deployment").PodLabels();
        foreach (var name in Names)
        {
            ours[name].Selects(pods).Should().BeTrue("Service {0} selects {1}", name, string.Join(", ", ours[name]));
        }

        (await Kubectl.RunAsync(Repository.PathOf("deploy", "takeover", "services"), ["theirs"], server.Server.KubeconfigPath))
            .Code.Should()
            .Be(0);
        (await SelectorsAsync(server)).Should().BeEquivalentTo(before);
    }

    [TestCase("both")]
    [TestCase("ours", "gateway")]
    public async Task Anything_else_is_refused_with_the_usage(params string[] arguments)
    {
        Kubectl.Require();

        var (code, output) = await Kubectl.RunAsync(Repository.PathOf("deploy", "takeover", "services"), arguments);

        code.Should().Be(2);
        output.Should().Contain("ours|theirs");
    }

    private static async Task<RunningServer> StartAsync()
    {
        var server = await RunningServer.StartAsync();
        var file = Path.Combine(server.Directory, "theirs.yaml");
        await File.WriteAllTextAsync(file, Theirs);
        var (applied, answer) = await Kubectl.RunAsync("kubectl", ["apply", "-f", file], server.Server.KubeconfigPath);
        applied.Should().Be(0, answer);
        return server;
    }

    private static async Task<Dictionary<string, Dictionary<string, string>>> SelectorsAsync(RunningServer server)
    {
        var result = new Dictionary<string, Dictionary<string, string>>();
        foreach (var name in Names)
        {
            var (_, body) = await server.GetAsync($"/api/v1/namespaces/knative-serving/services/{name}");
            result[name] = body["spec"]!["selector"]!.AsObject().ToDictionary(entry => entry.Key, entry => (string)entry.Value!);
        }

        return result;
    }
}
