using FluentAssertions;
using NUnit.Framework;
using Serving.Host.Composition;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.Deploy;

/// <summary>How clients outside reach the gateway: what the variants and components change, and the step that sets a domain.</summary>
[Category("Slow")]
[Parallelizable]
public sealed class OutsideAccessTests
{
    private static readonly string Version = typeof(ControlPlane).Assembly.GetName().Version!.ToString(3);
    private string _folder = null!;

    private static IEnumerable<string> WithHostPort =>
        KustomizedOverlay.Overlays.Except(["overlays/takeover", "overlays/nodeport", "overlays/kind"]);

    private static IEnumerable<string> WithNodePort => KustomizedOverlay.Overlays.Except(["overlays/takeover", "overlays/hostport"]);

    [OneTimeSetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("access-").FullName;

    [OneTimeTearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void The_default_domain_is_a_step_of_its_own_under_its_own_account_that_keeps_to_the_restricted_profile()
    {
        var job = RenderedManifest.Read("default-domain.yaml").Single(item => item.Kind == "Job");

        job.Metadata.Name.Should().Be($"default-domain-{Version.Replace('.', '-')}", "a Job cannot be changed");
        job.PodLabels()["app"].Should().Be("default-domain", "docs/install.md waits for it by that label");
        job.Metadata.Labels["app"].Should().Be("default-domain");
        job.Container().GetProperty("image").GetString().Should().EndWith($"/host:v{Version}");
        job.Container()
            .GetProperty("args")
            .EnumerateArray()
            .Select(argument => argument.GetString())
            .Should()
            .Equal("default-domain", "--magic-dns=sslip.io");
        job.Get("spec", "template", "spec", "serviceAccountName")!.Value.GetString().Should().Be("default-domain");
        job.Get("spec", "ttlSecondsAfterFinished").Should().BeNull("a Job that is gone is made anew by continuous applies");
        var pod = job.Get("spec", "template", "spec", "securityContext")!.Value;
        pod.GetProperty("runAsNonRoot").GetBoolean().Should().BeTrue();
        pod.GetProperty("seccompProfile").GetProperty("type").GetString().Should().Be("RuntimeDefault");
        var container = job.Container().GetProperty("securityContext");
        container.GetProperty("allowPrivilegeEscalation").GetBoolean().Should().BeFalse();
        container.GetProperty("readOnlyRootFilesystem").GetBoolean().Should().BeTrue();
        container.GetProperty("capabilities").GetProperty("drop").GetRawText().Should().Be("""["ALL"]""");
    }

    [TestCase("serving.yaml", "LoadBalancer")]
    [TestCase("serving-nodeport.yaml", "NodePort")]
    [TestCase("serving-kind.yaml", "NodePort")]
    [TestCase("serving-hostport.yaml", "ClusterIP")]
    public void Clients_outside_reach_the_gateway_by_a_balancer_by_a_node_port_or_by_a_host_port(string file, string type)
    {
        var objects = RenderedManifest.Read(file);
        var gateway = objects.Single(item => item is { Kind: "Service", Metadata.Name: "gateway" });

        gateway.Get("spec", "type")!.Value.GetString().Should().Be(type);
        var port = gateway.Get("spec", "ports")!.Value.EnumerateArray().Single();
        (port.TryGetProperty("nodePort", out var node) ? node.GetInt32() : 0).Should().Be(type == "NodePort" ? 30080 : 0);
        HostPorts(objects.Single(item => item.Kind == "Deployment")).Should().Equal(type == "ClusterIP" ? [(8081, 80)] : []);
        objects
            .Single(item => item.Metadata.Name == "config-domain")
            .Strings("data")
            .Keys.Where(key => key != "_example")
            .Should()
            .Equal(file == "serving-kind.yaml" ? ["127.0.0.1.sslip.io"] : []);
    }

    [TestCaseSource(typeof(RenderedManifest), nameof(RenderedManifest.Names))]
    public void Host_ports_are_where_the_namespace_admits_them_and_a_rollout_frees_them_first(string file)
    {
        var objects = RenderedManifest.Read(file);
        var profile = objects.SingleOrDefault(item => item.Kind == "Namespace")?.Metadata.Labels["pod-security.kubernetes.io/enforce"];
        foreach (var deployment in objects.Where(item => item.Kind == "Deployment"))
        {
            if (HostPorts(deployment).Count == 0)
            {
                (profile ?? "restricted").Should().Be("restricted", "no port needs more");
                continue;
            }

            profile.Should().Be("privileged", "the other profiles forbid host ports");
            deployment
                .Get("spec", "strategy", "rollingUpdate")!
                .Value.GetRawText()
                .Should()
                .Be("""{"maxSurge":0,"maxUnavailable":1}""", "a new pod waits for the port of the old one");
            deployment.Get("spec", "replicas")!.Value.GetInt32().Should().Be(1, "a node runs one such pod");
        }
    }

    [TestCaseSource(nameof(WithHostPort))]
    public async Task A_host_port_is_that_of_the_gateway_alone_and_its_namespace_and_rollout_fit(string overlay)
    {
        var objects = RenderedManifest.Parse(await KustomizedOverlay.RenderAsync(_folder, overlay, "https", "hostport", "hostport-https"));

        foreach (var deployment in objects.Where(item => item.Kind == "Deployment"))
        {
            var isGateway = deployment.PodLabels().ContainsKey("serving.knative.dev/module-gateway");
            var ports = deployment.Container().GetProperty("ports").EnumerateArray().ToList();
            ports
                .Where(port => port.TryGetProperty("hostPort", out _))
                .ToDictionary(port => port.GetProperty("containerPort").GetInt32(), port => port.GetProperty("hostPort").GetInt32())
                .Should()
                .BeEquivalentTo(isGateway ? new Dictionary<int, int> { [8081] = 80, [8444] = 443 } : []);
            ports.Select(port => port.GetProperty("containerPort").GetInt32()).Should().OnlyHaveUniqueItems();
            ports.Should().AllSatisfy(port => port.TryGetProperty("name", out _).Should().BeTrue("each port was there before"));
            deployment
                .Get("spec", "strategy", "rollingUpdate", "maxSurge")!
                .Value.GetInt32()
                .Should()
                .Be(isGateway ? 0 : 1, "{0} of {1}", deployment.Metadata.Name, overlay);
        }

        objects
            .Single(item => item is { Kind: "Service", Metadata.Name: "gateway" })
            .Get("spec", "type")!
            .Value.GetString()
            .Should()
            .Be("ClusterIP");
        objects
            .Where(item => item.Kind == "Namespace")
            .Should()
            .NotContain(item => item.Metadata.Labels["pod-security.kubernetes.io/enforce"] != "privileged");
    }

    [TestCaseSource(nameof(WithNodePort))]
    public async Task A_node_port_is_that_of_the_gateway_for_clients_outside_alone(string overlay)
    {
        var objects = RenderedManifest.Parse(await KustomizedOverlay.RenderAsync(_folder, overlay, "nodeport"));

        objects
            .Where(item => item.Kind == "Service" && item.Get("spec", "type") is { } type && type.GetString() != "ClusterIP")
            .Select(item => $"{item.Metadata.Name}: {item.Get("spec", "type")}")
            .Should()
            .Equal("gateway: NodePort");
        var port = objects
            .Single(item => item is { Kind: "Service", Metadata.Name: "gateway" })
            .Get("spec", "ports")!
            .Value.EnumerateArray()
            .Single(port => port.GetProperty("port").GetInt32() == 80);
        port.GetProperty("nodePort").GetInt32().Should().Be(30080);
    }

    [TestCase("base", "https", "nodeport")]
    [TestCase("overlays/split", "https", "hostport", "hostport-https")]
    public async Task The_gateway_on_ports_of_nodes_is_accepted_by_the_API_server(string overlay, params string[] components)
    {
        var file = Path.Combine(_folder, $"{string.Join('-', components)}.yaml");
        await File.WriteAllTextAsync(file, await KustomizedOverlay.RenderAsync(_folder, overlay, components));
        await using var server = await RunningServer.StartAsync();

        var (code, output) = await Kubectl.RunAsync("kubectl", ["apply", "-f", file], server.Server.KubeconfigPath);

        code.Should().Be(0, output);
    }

    /// <summary>The container ports that are ports of the node too, with those.</summary>
    private static List<(int Container, int Host)> HostPorts(Serving.Api.Unstructured deployment) =>
        [
            .. deployment
                .Container()
                .GetProperty("ports")
                .EnumerateArray()
                .Where(port => port.TryGetProperty("hostPort", out _))
                .Select(port => (port.GetProperty("containerPort").GetInt32(), port.GetProperty("hostPort").GetInt32())),
        ];
}
