using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.Deploy;

/// <summary>What may be added to any overlay: the folders of <c>deploy/components</c> that users choose.</summary>
[Category("Slow")]
[Parallelizable]
public sealed class ComponentTests
{
    private static readonly string[] Components = ["gateway-api", "https", "network-policies", "shared-account"];
    private string _folder = null!;

    private static IEnumerable<string> Overlays => KustomizedOverlay.Overlays;

    private static IEnumerable<string> WithGateway => Overlays.Where(overlay => overlay is not ("overlays/takeover" or "overlays/https"));

    [OneTimeSetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("components-").FullName;

    [OneTimeTearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [TestCaseSource(nameof(WithGateway))]
    public async Task Https_opens_the_port_where_the_gateway_runs_and_gives_that_account_alone_the_Secrets(string overlay)
    {
        var objects = RenderedManifest.Parse(await RenderAsync(overlay, "https"));

        var deployments = objects.Where(item => item.Kind == "Deployment").ToList();
        var gateway = deployments.Single(item => item.PodLabels().ContainsKey("serving.knative.dev/module-gateway"));
        foreach (var deployment in deployments)
        {
            deployment
                .Container()
                .GetProperty("args")
                .EnumerateArray()
                .Count(argument => argument.GetString() == "--gateway-https-port=8444")
                .Should()
                .Be(deployment == gateway ? 1 : 0);
            deployment
                .Container()
                .GetProperty("ports")
                .EnumerateArray()
                .Count(port => port.GetProperty("containerPort").GetInt32() == 8444)
                .Should()
                .Be(deployment == gateway ? 1 : 0);
            var account = deployment.Get("spec", "template", "spec", "serviceAccountName")!.Value.GetString()!;
            var rights = Rights.Of(objects.Where(item => item.Metadata.Name != "knative-serving-shared-account").ToList(), account);
            rights.Contains("list secrets").Should().Be(deployment == gateway, "{0} runs as {1}", deployment.Metadata.Name, account);
        }

        objects
            .Single(item => item is { Kind: "Service", Metadata.Name: "gateway" })
            .Get("spec", "ports")!
            .Value.EnumerateArray()
            .Should()
            .Contain(port => port.GetProperty("port").GetInt32() == 443 && port.GetProperty("targetPort").GetInt32() == 8444);
        objects
            .Single(item => item is { Kind: "Service", Metadata.Name: "gateway-internal" })
            .Get("spec", "ports")!
            .Value.EnumerateArray()
            .Should()
            .Contain(port => port.GetProperty("port").GetInt32() == 443 && port.GetProperty("targetPort").GetInt32() == 8445);
    }

    [Test]
    public async Task Network_policies_let_measurements_in_from_our_pods_alone_and_everybody_to_the_ports_of_requests()
    {
        var objects = RenderedManifest.Parse(await RenderAsync("overlays/split", "network-policies"));

        var policies = objects.Where(item => item.Kind == "NetworkPolicy").ToList();
        var pods = objects.Where(item => item.Kind == "Deployment").Select(deployment => deployment.PodLabels()).ToList();
        var who = new Dictionary<int, string>();
        foreach (var policy in policies)
        {
            var selector = policy.Strings("spec", "podSelector", "matchLabels");
            pods.Should().OnlyContain(labels => selector.Selects(labels), "{0} is about every pod of ours", policy.Metadata.Name);
            foreach (var rule in policy.Get("spec", "ingress")!.Value.EnumerateArray())
            {
                foreach (var port in rule.GetProperty("ports").EnumerateArray())
                {
                    who.Add(port.GetProperty("port").GetInt32(), rule.TryGetProperty("from", out var from) ? from.GetRawText() : "");
                }
            }
        }

        who.Where(entry => entry.Value.Length == 0)
            .Select(entry => entry.Key)
            .Should()
            .BeEquivalentTo([8443, 8081, 8082, 8444, 8445, 8012, 8013, 8112]);
        who[8080].Should().Be("""[{"podSelector":{"matchLabels":{"app":"serving"}}}]""");
        who[9090].Should().Contain("namespaceSelector").And.Be(who[8090]);
        var served = objects
            .Where(item => item.Kind == "Deployment")
            .SelectMany(item => item.Container().GetProperty("ports").EnumerateArray())
            .Select(port => port.GetProperty("containerPort").GetInt32());
        who.Keys.Should().Contain(served, "a port that no policy names is closed to all");
    }

    [TestCase("base")]
    [TestCase("overlays/split")]
    public async Task Istio_gives_the_control_plane_what_its_module_needs_and_no_other_account_anything(string overlay)
    {
        var without = RenderedManifest.Parse(await RenderAsync(overlay));
        var with = RenderedManifest.Parse(await RenderAsync(overlay, "istio"));

        Rights
            .Of(with, "controller")
            .Except(Rights.Of(without, "controller"))
            .Should()
            .BeEquivalentTo(
                Rights.Table(
                    """
                    virtualservices.networking.istio.io: get list watch create update delete
                    gateways.networking.istio.io: get list watch create update delete
                    destinationrules.networking.istio.io: get list watch create update delete
                    ingresses.networking.internal.knative.dev: patch
                    ingresses.networking.internal.knative.dev/finalizers: update
                    secrets: list watch create update delete
                    """
                )
            );
        Rights.Of(with, "serving-dataplane").Should().BeEquivalentTo(Rights.Of(without, "serving-dataplane"));
    }

    [TestCaseSource(nameof(Overlays))]
    public async Task Istio_is_accepted_by_an_API_server_that_has_its_kinds(string overlay)
    {
        var file = Path.Combine(_folder, $"istio-{overlay.Replace('/', '-')}.yaml");
        await File.WriteAllTextAsync(file, await RenderAsync(overlay, "istio"));
        await using var server = await RunningServer.StartAsync();
        foreach (var ns in (string[])["knative-serving", "istio-system"])
        {
            await server.PostAsync("/api/v1/namespaces", $$$"""{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"{{{ns}}}"}}""");
        }

        var definitions = Repository.PathOf("Serving.Tests", "Networking", "Istio", "definitions.yaml");
        var (code, output) = await Kubectl.RunAsync("kubectl", ["apply", "-f", definitions], server.Server.KubeconfigPath);
        code.Should().Be(0, output);

        (code, output) = await Kubectl.RunAsync("kubectl", ["apply", "-f", file], server.Server.KubeconfigPath);

        code.Should().Be(0, output);
        output.Should().Contain("gateway.networking.istio.io/knative-ingress-gateway created");
    }

    [TestCaseSource(nameof(Overlays))]
    public async Task All_of_them_together_are_accepted_by_the_API_server(string overlay)
    {
        var file = Path.Combine(_folder, $"{overlay.Replace('/', '-')}.yaml");
        await File.WriteAllTextAsync(file, await RenderAsync(overlay, Components));
        await using var server = await RunningServer.StartAsync();
        await server.PostAsync("/api/v1/namespaces", """{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"knative-serving"}}""");

        var (code, output) = await Kubectl.RunAsync("kubectl", ["apply", "-f", file], server.Server.KubeconfigPath);

        code.Should().Be(0, output);
    }

    private Task<string> RenderAsync(string overlay, params string[] components) =>
        KustomizedOverlay.RenderAsync(_folder, overlay, components);
}
