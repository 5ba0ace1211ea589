using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Controller.Revisions.Resources;

namespace Serving.Tests.Controller;

public sealed class MultiContainerTests
{
    [Test]
    public void Only_the_container_with_a_port_serves_and_is_probed_by_the_sidecar()
    {
        var containers = Containers(
            FeatureFlag.Disabled,
            Probe(
                new()
                {
                    HttpGet = new HttpGetAction { Path = "/side", Port = 9999 },
                }
            )
        );

        var serving = containers.Single(container => container.Name == "serving");
        serving.Ports.Single().Should().BeEquivalentTo(new { Name = "user-port", Number = 8888 });
        serving.Env.Should().Contain(variable => variable.Name == "PORT" && variable.Value == "8888");
        var side = containers.Single(container => container.Name == "side");
        side.Ports.Should().BeEmpty();
        side.Env.Should().NotContain(variable => variable.Name == "PORT").And.Contain(variable => variable.Name == "K_REVISION");
        side.Lifecycle!.PreStop!.HttpGet!.Path.Should().Be("/wait-for-drain");
        side.ReadinessProbe.Should().BeNull();
        SidecarProbe(containers).Should().Be("""{"tcpSocket":{"port":8888,"host":"127.0.0.1"},"successThreshold":1}""");
        Value(containers, "ENABLE_MULTI_CONTAINER_PROBES").Should().Be("false");
    }

    [Test]
    public void With_the_feature_the_sidecar_asks_all_of_them()
    {
        var containers = Containers(
            FeatureFlag.Enabled,
            Probe(
                new()
                {
                    HttpGet = new HttpGetAction { Path = "/side", Port = 9999 },
                }
            )
        );

        SidecarProbe(containers)
            .Should()
            .Be(
                """[{"tcpSocket":{"port":8888,"host":"127.0.0.1"},"successThreshold":1},{"httpGet":{"path":"/side","port":9999,"host":"127.0.0.1","scheme":"HTTP"},"successThreshold":1}]"""
            );
        Value(containers, "ENABLE_MULTI_CONTAINER_PROBES").Should().Be("true");
        containers.Where(container => container.Name != "queue-proxy").Should().OnlyContain(container => container.ReadinessProbe == null);
    }

    [Test]
    public void A_container_without_a_probe_is_not_asked() =>
        SidecarProbe(Containers(FeatureFlag.Enabled, null))
            .Should()
            .Be("""[{"tcpSocket":{"port":8888,"host":"127.0.0.1"},"successThreshold":1}]""");

    [Test]
    public void A_command_stays_with_the_kubelet()
    {
        var containers = Containers(FeatureFlag.Enabled, Probe(new() { Exec = new ExecAction { Command = ["true"] } }));

        containers.Single(container => container.Name == "side").ReadinessProbe!.Exec!.Command.Should().Equal("true");
        SidecarProbe(containers).Should().Be("""[{"tcpSocket":{"port":8888,"host":"127.0.0.1"},"successThreshold":1}]""");
    }

    [Test]
    public void A_liveness_probe_of_another_container_keeps_its_port()
    {
        var revision = Samples.Revision();
        var template = Samples.Revision().Spec.Containers[0];
        revision = revision with
        {
            Spec = revision.Spec with
            {
                Containers =
                [
                    template with
                    {
                        Name = "serving",
                        Ports = [new ContainerPort { Number = 8888 }],
                        LivenessProbe = new Probe { HttpGet = new HttpGetAction { Path = "/live" } },
                    },
                    template with
                    {
                        Name = "side",
                        ReadinessProbe = null,
                        LivenessProbe = new Probe
                        {
                            HttpGet = new HttpGetAction { Path = "/live", Port = 9999 },
                        },
                    },
                ],
            },
        };

        var containers = Make(revision, FeatureFlag.Enabled);

        containers.Single(container => container.Name == "serving").LivenessProbe!.HttpGet!.Port.Should().Be((IntOrString)8888);
        containers.Single(container => container.Name == "side").LivenessProbe!.HttpGet!.Port.Should().Be((IntOrString)9999);
    }

    private static Probe Probe(Probe probe) => probe with { SuccessThreshold = 1 };

    private static IReadOnlyList<Container> Containers(FeatureFlag feature, Probe? sideProbe)
    {
        var revision = Samples.Revision();
        var first = revision.Spec.Containers[0];
        return Make(
            revision with
            {
                Spec = revision.Spec with
                {
                    Containers =
                    [
                        first with
                        {
                            Name = "serving",
                            Ports = [new ContainerPort { Number = 8888 }],
                        },
                        new Container
                        {
                            Name = "side",
                            Image = "side:1",
                            ReadinessProbe = sideProbe,
                        },
                    ],
                },
            },
            feature
        );
    }

    private static IReadOnlyList<Container> Make(Serving.Api.Knative.Revision revision, FeatureFlag feature) =>
        DeploymentMaker
            .Make(
                revision,
                Samples.Config with
                {
                    Features = Samples.Config.Features with { MultiContainerProbing = feature },
                },
                "knative-serving"
            )
            .Spec!.Template!.Spec!.Containers;

    private static string SidecarProbe(IReadOnlyList<Container> containers) => Value(containers, "SERVING_READINESS_PROBE");

    private static string Value(IReadOnlyList<Container> containers, string name) =>
        containers.Single(container => container.Name == "queue-proxy").Env.Single(variable => variable.Name == name).Value;
}
