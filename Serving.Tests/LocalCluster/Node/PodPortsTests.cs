using System.Net;
using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.LocalCluster.Node.Variables;

namespace Serving.Tests.LocalCluster.Node;

public sealed class PodPortsTests
{
    private const string Knative = """
        {"spec":{"containers":[
          {"name":"user-container","ports":[{"name":"user-port","containerPort":8080}],"env":[{"name":"PORT","value":"8080"}]},
          {"name":"queue-proxy","ports":[{"name":"queue-port","containerPort":8012},{"containerPort":9090}]}]}}
        """;

    private static readonly IPAddress Address = IPAddress.Parse("127.77.0.10");

    [Test]
    public void The_user_program_of_a_pod_with_a_sidecar_gets_a_port_of_its_own()
    {
        var (pod, ports) = Pod(Knative);
        var environment = new Dictionary<string, string> { ["PORT"] = "8080" };

        ports.Rewrite(pod.Spec!.Containers[0], environment);

        environment["PORT"].Should().Be("25000");
        environment["LISTEN_ADDRESS"].Should().Be("127.0.0.1");
    }

    [Test]
    public void The_sidecar_is_told_that_port()
    {
        var (pod, ports) = Pod(Knative);
        var environment = new Dictionary<string, string>
        {
            ["USER_PORT"] = "8080",
            ["QUEUE_SERVING_PORT"] = "8012",
            ["SERVING_READINESS_PROBE"] = """{"httpGet":{"path":"/health","port":8080,"host":"127.0.0.1"},"successThreshold":1}""",
        };

        ports.Rewrite(pod.Spec!.Containers[1], environment);

        environment["USER_PORT"].Should().Be("25000");
        environment["QUEUE_SERVING_PORT"].Should().Be("8012");
        environment["SERVING_READINESS_PROBE"]
            .Should()
            .Be("""{"httpGet":{"path":"/health","port":25000,"host":"127.0.0.1"},"successThreshold":1}""");
        environment.Should().NotContainKey("LISTEN_ADDRESS");
    }

    [Test]
    public void Probes_of_several_containers_are_rewritten_where_they_mean_the_user_port()
    {
        var (pod, ports) = Pod(Knative);
        var environment = new Dictionary<string, string>
        {
            ["SERVING_READINESS_PROBE"] = """[{"tcpSocket":{"port":8080}},{"tcpSocket":{"port":8090}},{"grpc":{"port":0}}]""",
        };

        ports.Rewrite(pod.Spec!.Containers[1], environment);

        environment["SERVING_READINESS_PROBE"]
            .Should()
            .Be("""[{"tcpSocket":{"port":25000}},{"tcpSocket":{"port":8090}},{"grpc":{"port":25000}}]""");
    }

    [Test]
    public void Probes_and_hooks_reach_the_real_ports()
    {
        var (_, ports) = Pod(Knative);

        ports.Target("user-container", 8080).Should().Be(new IPEndPoint(IPAddress.Loopback, 25000));
        ports.Target("user-container", 8022).Should().Be(new IPEndPoint(Address, 8022), "the drain hook is the sidecar's");
        ports.Target("queue-proxy", 8012).Should().Be(new IPEndPoint(Address, 8012));
    }

    [Test]
    public void A_pod_without_a_sidecar_listens_on_its_own_address()
    {
        var (pod, ports) = Pod("""{"spec":{"containers":[{"name":"app","ports":[{"containerPort":8080}]}]}}""");
        var environment = new Dictionary<string, string>();

        ports.Rewrite(pod.Spec!.Containers[0], environment);

        environment.Should().Equal(new Dictionary<string, string> { ["PORT"] = "8080", ["LISTEN_ADDRESS"] = "127.77.0.10" });
        ports.Target("app", 8080).Should().Be(new IPEndPoint(Address, 8080));
    }

    [Test]
    public void A_pod_that_declares_no_port_listens_on_its_own_address_too()
    {
        var (pod, ports) = Pod("""{"spec":{"containers":[{"name":"app"}]}}""");
        var environment = new Dictionary<string, string>();

        ports.Rewrite(pod.Spec!.Containers[0], environment);

        environment.Should().Equal(new Dictionary<string, string> { ["LISTEN_ADDRESS"] = "127.77.0.10" });
    }

    [Test]
    public void Ports_for_programs_are_outside_the_range_of_outgoing_connections()
    {
        var range = File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range")
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .Select(int.Parse)
            .ToArray();
        var ports = new UserPorts();

        var some = Enumerable.Range(0, 50).Select(_ => ports.Allocate()).ToList();

        some.Should().OnlyHaveUniqueItems().And.OnlyContain(p => (p < range[0] || p > range[1]) && p >= 1024);
    }

    private static (Pod Pod, PodPorts Ports) Pod(string json)
    {
        var pod = JsonSerializer.Deserialize(json, ApiJson.Default.Pod)!;
        return (pod, PodPorts.Of(pod, Address, () => 25000));
    }
}
