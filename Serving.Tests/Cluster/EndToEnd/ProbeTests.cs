using System.Net;
using FluentAssertions;
using NUnit.Framework;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>Probes of programs, and pods of several containers.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class ProbeTests : EndToEndTests
{
    [Test]
    public async Task A_program_may_be_probed_at_another_port_than_it_serves_at()
    {
        var port = FreePorts.Next();
        await StartAsync(
            new("elsewhere")
            {
                Environment = [("HEALTH_PORT", $"{port}")],
                Container = $"readinessProbe: {{httpGet: {{path: /health, port: {port}}}}}",
            }
        );

        (await CallAsync("elsewhere")).Should().Be((HttpStatusCode.OK, "Hello!"));
    }

    [Test]
    public async Task A_program_is_probed_with_the_query_that_is_asked_for()
    {
        await StartAsync(new("query") { Container = "readinessProbe: {httpGet: {path: \"/query?probe=ok\"} }" });

        (await CallAsync("query")).Should().Be((HttpStatusCode.OK, "Hello!"));
    }

    [Test]
    public async Task A_program_that_starts_slowly_is_not_restarted_by_its_liveness_probe()
    {
        // Without the startup probe, the liveness probe would fail after two of the five seconds.
        await StartAsync(
            new("slow")
            {
                Environment = [("READY_AFTER_MILLISECONDS", "5000")],
                Container =
                    "startupProbe: {httpGet: {path: /health, port: 8080}, periodSeconds: 1, failureThreshold: 120}, livenessProbe: {httpGet: {path: /health, port: 8080}, periodSeconds: 1, failureThreshold: 2}",
            }
        );

        (await CallAsync("slow")).Should().Be((HttpStatusCode.OK, "Hello!"));
        (await PodsAsync("slow-00001"))
            .SelectMany(pod => pod.Status!.ContainerStatuses)
            .Should()
            .OnlyContain(status => status.RestartCount == 0);
    }

    [Test]
    public async Task A_program_reaches_the_container_beside_it()
    {
        var port = FreePorts.Next();
        await StartAsync(
            new("beside")
            {
                Container = "ports: [{containerPort: 8881}]",
                Sidecars = [Sidecar(port, "TEXT", "from beside")],
                Scaling = [("max-scale", "1")],
            }
        );

        (await AskAsync("beside", port, "/")).Should().Be((HttpStatusCode.OK, "from beside"));
    }

    [Test]
    public async Task A_Service_of_several_containers_is_ready_when_each_is()
    {
        var ports = FreePorts.Of(IPAddress.Loopback, 3);
        await StartAsync(
            new("several")
            {
                Container = "ports: [{containerPort: 8881}], readinessProbe: {httpGet: {path: /, port: 8881} }",
                Sidecars =
                [
                    Sidecar(ports[0], "TEXT", "second", $"readinessProbe: {{httpGet: {{path: /, port: {ports[0]}}}}}"),
                    Sidecar(ports[1], "TEXT", "third", $"livenessProbe: {{httpGet: {{path: /, port: {ports[1]}}}}}"),
                    Sidecar(
                        ports[2],
                        "READY_AFTER_MILLISECONDS",
                        "5000",
                        $"readinessProbe: {{httpGet: {{path: /health, port: {ports[2]}}}}}, livenessProbe: {{httpGet: {{path: /health, port: {ports[2]}}}, failureThreshold: 60}}"
                    ),
                ],
                Scaling = [("max-scale", "1")],
            }
        );

        (await AskAsync("several", ports[2], "/health"))
            .Status.Should()
            .Be(HttpStatusCode.OK, "the Service was not ready before its slowest container");
        (await AskAsync("several", ports[0], "/")).Body.Should().Be("second");
        (await AskAsync("several", ports[1], "/")).Body.Should().Be("third");
    }

    [Test]
    public async Task Containers_beside_the_program_may_be_probed_over_TCP_HTTP_and_gRPC_and_by_a_command()
    {
        var ports = FreePorts.Of(IPAddress.Loopback, 3);
        var (tcp, http, grpc) = (
            $"{{tcpSocket: {{port: {ports[0]}}}}}",
            $"{{httpGet: {{path: /health, port: {ports[1]}}}}}",
            $"{{grpc: {{port: {ports[2]}}}}}"
        );
        var command =
            $"{{exec: {{command: [{Cluster.ProgramCommand}, probe, \"http://127.0.0.1:{ports[1]}/health\"]}}, periodSeconds: 5, timeoutSeconds: 5, failureThreshold: 20}}";
        await StartAsync(
            new("kinds")
            {
                Container = "ports: [{containerPort: 8080}]",
                Sidecars =
                [
                    Sidecar(ports[0], "TEXT", "tcp", $"startupProbe: {tcp}, readinessProbe: {tcp}, livenessProbe: {tcp}"),
                    Sidecar(ports[1], "TEXT", "http", $"startupProbe: {http}, readinessProbe: {http}, livenessProbe: {command}"),
                    Sidecar(ports[2], "TEXT", "grpc", $"args: [grpc], startupProbe: {grpc}, readinessProbe: {grpc}, livenessProbe: {grpc}"),
                ],
                Scaling = [("max-scale", "1")],
            }
        );

        (await CallAsync("kinds")).Should().Be((HttpStatusCode.OK, "Hello!"));
        (await PodsAsync("kinds-00001"))
            .Should()
            .ContainSingle()
            .Which.Status!.ContainerStatuses.Should()
            .HaveCount(5)
            .And.OnlyContain(status => status.Ready && status.RestartCount == 0);
    }

    [Test]
    public async Task A_pod_is_not_used_once_a_container_beside_its_program_is_not_ready_any_more()
    {
        var port = FreePorts.Next();
        await StartAsync(
            new("failing")
            {
                Container =
                    "ports: [{containerPort: 8080}], readinessProbe: {httpGet: {path: /health, port: 8080}, periodSeconds: 1, failureThreshold: 3}",
                Sidecars = [Sidecar(port, "TEXT", "beside", $"readinessProbe: {{httpGet: {{path: /health, port: {port}}}}}")],
                Scaling = [("min-scale", "1"), ("max-scale", "1")],
            }
        );
        (await CallAsync("failing")).Should().Be((HttpStatusCode.OK, "Hello!"));
        (await ReadyPodsAsync("failing-00001")).Should().Be(1);

        (await AskAsync("failing", port, "/fail")).Body.Should().Be("failing");

        await EventuallyAsync(async () => (await ReadyPodsAsync("failing-00001")).Should().Be(0));
    }

    /// <summary>A second container, with a unique port, because pods of the local cluster share their ports.</summary>
    private string Sidecar(int port, string variable, string value, string more = "") =>
        $"{{name: at-{port}, image: \"{Cluster.ProgramImage}\", env: [{{name: PORT, value: \"{port}\"}}, {{name: {variable}, value: \"{value}\"}}]{(more.Length > 0 ? ", " + more : "")}}}";

    /// <summary>Makes the program of a Service call the container on a port of its pod.</summary>
    private Task<(HttpStatusCode Status, string Body)> AskAsync(string name, int port, string path) =>
        CallAsync(name, $"/next?url={Uri.EscapeDataString($"http://127.0.0.1:{port}{path}")}");
}
