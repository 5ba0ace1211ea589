using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Controller.Revisions.Resources;

namespace Serving.Tests.Controller;

/// <summary>Which port the probes of a pod ask: every probe, every handler, every way to name a port, both kinds of containers.</summary>
public sealed class ProbePortsTests
{
    private const int UserPort = 8888;

    private static readonly string[] Kinds = ["startup", "liveness", "readiness"];
    private static readonly string[] Handlers = ["httpGet", "tcpSocket", "grpc"];

    [Test]
    public void A_port_that_is_left_out_is_that_of_the_requests(
        [ValueSource(nameof(Kinds))] string kind,
        [ValueSource(nameof(Handlers))] string handler,
        [Values("absent", "0", "named")] string port,
        [Values] bool several
    ) => PortOf(kind, Make(kind, Of(handler, port), several)).Should().Be(UserPort);

    [TestCase("startup", "httpGet", false, 9999)]
    [TestCase("startup", "tcpSocket", false, 9999)]
    [TestCase("startup", "grpc", false, 9999)]
    [TestCase("readiness", "httpGet", false, 9999)]
    [TestCase("readiness", "tcpSocket", false, 9999)]
    [TestCase("readiness", "grpc", false, 9999)]
    [TestCase("liveness", "httpGet", false, UserPort)]
    [TestCase("liveness", "tcpSocket", false, UserPort)]
    [TestCase("liveness", "grpc", false, 9999)]
    [TestCase("liveness", "httpGet", true, 9999)]
    [TestCase("liveness", "tcpSocket", true, 9999)]
    [TestCase("liveness", "grpc", true, 9999)]
    public void Another_port_is_kept_but_for_liveness_without_multi_container_probing(
        string kind,
        string handler,
        bool multiContainerProbing,
        int expected
    ) => PortOf(kind, Make(kind, Of(handler, "9999"), several: false, multiContainerProbing)).Should().Be(expected);

    [Test]
    public void A_container_beside_it_keeps_the_ports_it_names(
        [ValueSource(nameof(Kinds))] string kind,
        [ValueSource(nameof(Handlers))] string handler
    )
    {
        var containers = MakeBeside(kind, Of(handler, "9999"));

        if (kind == "readiness")
            SidecarProbes(containers)
                .Should()
                .MatchRegex($"^\\[\\{{\"tcpSocket\":\\{{\"port\":8888.*\\}},\\{{\"{handler}\":\\{{.*\"port\":9999.*\\]$");
        else
            ProbePorts.Of(ProbeOf(kind, containers.Single(container => container.Name == "side"))!).Should().Be(9999);
    }

    [Test]
    public void A_container_beside_it_must_name_a_number(
        [ValueSource(nameof(Kinds))] string kind,
        [ValueSource(nameof(Handlers))] string handler,
        [Values("absent", "0", "named")] string port
    ) =>
        FluentActions
            .Invoking(() => MakeBeside(kind, Of(handler, port)))
            .Should()
            .Throw<ProbePortException>()
            .WithMessage($"container \"side\": {kind}Probe.{handler}.port is not a number*set it to the number of the port*");

    [Test]
    public void A_command_has_no_port([ValueSource(nameof(Kinds))] string kind, [Values] bool beside)
    {
        var exec = new Probe { Exec = new ExecAction { Command = ["true"] } };
        var containers = beside ? MakeBeside(kind, exec) : Make(kind, exec, several: false);

        ProbeOf(kind, containers.Single(container => container.Name == (beside ? "side" : "serving")))!
            .Exec!.Command.Should()
            .Equal("true");
    }

    private static Probe Of(string handler, string port)
    {
        IntOrString? target = port switch
        {
            "absent" => null,
            "named" => "http1",
            _ => int.Parse(port, System.Globalization.CultureInfo.InvariantCulture),
        };
        return handler switch
        {
            "httpGet" => new Probe
            {
                HttpGet = new HttpGetAction { Path = "/x", Port = target },
            },
            "tcpSocket" => new Probe { TcpSocket = new TcpSocketAction { Port = target } },
            _ => new Probe
            {
                Grpc = new GrpcAction { Port = target?.Text is null ? target?.Int : 0, Service = "" },
            },
        };
    }

    private static Container With(Container container, string kind, Probe probe) =>
        kind switch
        {
            "startup" => container with { StartupProbe = probe },
            "liveness" => container with { LivenessProbe = probe },
            _ => container with { ReadinessProbe = probe },
        };

    private static Probe? ProbeOf(string kind, Container container) =>
        kind switch
        {
            "startup" => container.StartupProbe,
            "liveness" => container.LivenessProbe,
            _ => container.ReadinessProbe,
        };

    private static IReadOnlyList<Container> Make(string kind, Probe probe, bool several, bool multiContainerProbing = false)
    {
        var template = Samples.Revision().Spec.Containers[0];
        var serving = With(
            template with
            {
                Name = "serving",
                Ports = [new ContainerPort { Number = UserPort, Name = "http1" }],
            },
            kind,
            probe
        );
        return Make(several ? [serving, new Container { Name = "side", Image = "side:1" }] : [serving], multiContainerProbing);
    }

    private static IReadOnlyList<Container> MakeBeside(string kind, Probe probe)
    {
        var template = Samples.Revision().Spec.Containers[0];
        return Make(
            [
                template with
                {
                    Name = "serving",
                    Ports = [new ContainerPort { Number = UserPort }],
                },
                With(new Container { Name = "side", Image = "side:1" }, kind, probe),
            ],
            multiContainerProbing: true
        );
    }

    private static IReadOnlyList<Container> Make(IReadOnlyList<Container> containers, bool multiContainerProbing)
    {
        var revision = Samples.Revision();
        var features = Samples.Config.Features with
        {
            MultiContainerProbing = multiContainerProbing ? FeatureFlag.Enabled : FeatureFlag.Disabled,
        };
        return DeploymentMaker
            .Make(
                revision with
                {
                    Spec = revision.Spec with { Containers = containers },
                },
                Samples.Config with
                {
                    Features = features,
                },
                "knative-serving"
            )
            .Spec!.Template!.Spec!.Containers;
    }

    // The kubelet's probes stand in the container; readiness is the sidecar's.
    private static int PortOf(string kind, IReadOnlyList<Container> containers)
    {
        if (kind != "readiness")
            return ProbePorts.Of(ProbeOf(kind, containers.Single(container => container.Name == "serving"))!);
        using var document = System.Text.Json.JsonDocument.Parse(SidecarProbes(containers));
        return document
            .RootElement.EnumerateObject()
            .First(static property => property.Value.ValueKind == System.Text.Json.JsonValueKind.Object)
            .Value.GetProperty("port")
            .GetInt32();
    }

    private static string SidecarProbes(IReadOnlyList<Container> containers) =>
        containers
            .Single(container => container.Name == "queue-proxy")
            .Env.Single(variable => variable.Name == "SERVING_READINESS_PROBE")
            .Value;
}
