using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Defaults;
using Serving.Api.Validation;

namespace Serving.Tests.Api.Defaults;

public sealed class DefaultsTests
{
    [Test]
    public void A_plain_service_gets_everything_it_needs()
    {
        var service = ServiceDefaults.Apply(Documents.Service(), null, Documents.Create with { UserName = "ann" });

        Same(
            Documents.Write(Resources.KnativeServices, service)["spec"]!,
            """
            {"template":{"metadata":{},"spec":{"containers":[{"name":"user-container","image":"busybox","resources":{},"readinessProbe":{"tcpSocket":{"port":0},"successThreshold":1}}],
             "enableServiceLinks":false,"containerConcurrency":0,"timeoutSeconds":300}},"traffic":[{"latestRevision":true,"percent":100}]}
            """
        );
        service
            .Metadata.Annotations.Should()
            .BeEquivalentTo(
                new Dictionary<string, string> { ["serving.knative.dev/creator"] = "ann", ["serving.knative.dev/lastModifier"] = "ann" }
            );
    }

    [Test]
    public void Applying_defaults_twice_changes_nothing_more()
    {
        var once = ServiceDefaults.Apply(
            Documents.Service("""{"containers":[{"image":"a","ports":[{"containerPort":80}]},{"image":"b"}]}"""),
            null,
            Documents.Create
        );

        ApiEquality.Same(ServiceDefaults.Apply(once, null, Documents.Create), once).Should().BeTrue();
    }

    [Test]
    public void Several_containers_get_numbered_names_that_are_free()
    {
        var service = ServiceDefaults.Apply(
            Documents.Service(
                """{"containers":[{"image":"a"},{"image":"b","name":"user-container-0"},{"image":"c"}],"initContainers":[{"image":"d"}]}"""
            ),
            null,
            Documents.Create
        );

        service
            .Spec.Template.Spec.Containers.Select(c => c.Name)
            .Should()
            .Equal("user-container-1", "user-container-0", "user-container-2");
        service.Spec.Template.Spec.InitContainers.Single().Name.Should().Be("init-container");
    }

    [Test]
    public void Only_the_container_with_a_port_gets_a_probe()
    {
        var containers = ServiceDefaults
            .Apply(
                Documents.Service("""{"containers":[{"image":"a"},{"image":"b","ports":[{"containerPort":1}]}]}"""),
                null,
                Documents.Create
            )
            .Spec.Template.Spec.Containers;

        containers[0].ReadinessProbe.Should().BeNull();
        containers[1].ReadinessProbe!.TcpSocket.Should().NotBeNull();
    }

    [Test]
    public void A_probe_with_a_period_gets_the_thresholds_of_Kubernetes()
    {
        var probe = Defaulted(
            """{"containers":[{"image":"a","readinessProbe":{"httpGet":{"path":"/"},"periodSeconds":10}}]}"""
        ).ReadinessProbe!;

        (probe.FailureThreshold, probe.TimeoutSeconds, probe.SuccessThreshold).Should().Be((3, 1, 1));
    }

    [Test]
    public void A_grpc_probe_asks_for_the_whole_server()
    {
        var service = ServiceDefaults.Apply(
            Documents.Service("""{"containers":[{"image":"a","livenessProbe":{"grpc":{"port":1}}}]}"""),
            null,
            Documents.Create
        );

        var written = Documents.Write(Resources.KnativeServices, service);
        ((string?)written["spec"]!["template"]!["spec"]!["containers"]![0]!["livenessProbe"]!["grpc"]!["service"]).Should().Be("");
    }

    [Test]
    public void Mounts_are_read_only_unless_the_volume_can_be_written()
    {
        var mounts = Defaulted(
            """{"containers":[{"image":"a","volumeMounts":[{"name":"s","mountPath":"/s"},{"name":"e","mountPath":"/e"}]}],"volumes":[{"name":"s","secret":{}},{"name":"e","emptyDir":{}}]}"""
        ).VolumeMounts;

        mounts.Select(m => m.ReadOnly).Should().Equal(true, null);
    }

    [Test]
    public void Resources_and_times_come_from_the_configuration()
    {
        var context = new AdmissionContext(
            ConfigSnapshot.Default with
            {
                Defaults = new()
                {
                    RevisionCpuRequest = "100m",
                    RevisionMemoryLimit = "1Gi",
                    RevisionTimeoutSeconds = 10,
                    RevisionIdleTimeoutSeconds = 5,
                    RevisionResponseStartTimeoutSeconds = 7,
                    ContainerConcurrency = 3,
                    UserContainerName = meta => meta.Name + "-c",
                },
            }
        );

        var spec = ServiceDefaults
            .Apply(Documents.Service("""{"containers":[{"image":"a","resources":{"limits":{"cpu":"1"}}}]}"""), null, context)
            .Spec.Template.Spec;

        (spec.TimeoutSeconds, spec.IdleTimeoutSeconds, spec.ResponseStartTimeoutSeconds, spec.ContainerConcurrency)
            .Should()
            .Be((10, 5, 7, 3));
        spec.Containers[0].Name.Should().Be("byo-c");
        spec.Containers[0].Resources!.Requests.Should().Equal(new Dictionary<string, Quantity> { ["cpu"] = "100m" });
        spec.Containers[0].Resources!.Limits.Should().Equal(new Dictionary<string, Quantity> { ["cpu"] = "1", ["memory"] = "1Gi" });
    }

    [Test]
    public void Secure_defaults_restrict_what_nobody_decided()
    {
        var context = Documents.With(new() { SecurePodDefaults = SecurePodDefaults.Enabled });

        var security = ServiceDefaults
            .Apply(Documents.Service("""{"containers":[{"image":"a","ports":[{"containerPort":80}]}]}"""), null, context)
            .Spec.Template.Spec.Containers[0]
            .SecurityContext!;

        security.RunAsNonRoot.Should().BeTrue();
        security.AllowPrivilegeEscalation.Should().BeFalse();
        security.SeccompProfile!.Type.Should().Be("RuntimeDefault");
        security.Capabilities!.Drop.Should().Equal("ALL");
        security.Capabilities.Add.Should().Equal("NET_BIND_SERVICE");
    }

    [Test]
    public void A_template_that_keeps_its_own_name_is_left_alone()
    {
        var old = Documents.Service(template: """{"name":"byo-1"}""");

        ServiceDefaults.Apply(old, old, Documents.Update).Spec.Template.Spec.TimeoutSeconds.Should().BeNull();
    }

    [Test]
    public void The_last_modifier_changes_with_the_specification_only()
    {
        var old = ServiceDefaults.Apply(Documents.Service(), null, Documents.Create with { UserName = "ann" });
        var update = Documents.Update with { UserName = "bob" };

        ServiceDefaults.Apply(old, old, update).Metadata.Annotations["serving.knative.dev/lastModifier"].Should().Be("ann");
        var changed = old with { Spec = old.Spec with { Traffic = [new() { Percent = 100, RevisionName = "byo-00001" }] } };
        ServiceDefaults.Apply(changed, old, update).Metadata.Annotations["serving.knative.dev/lastModifier"].Should().Be("bob");
        ServiceDefaults.Apply(changed, old, update).Metadata.Annotations["serving.knative.dev/creator"].Should().Be("ann");
    }

    [Test]
    public void A_pod_autoscaler_gets_a_class_and_its_metric() =>
        PodAutoscalerDefaults
            .Apply(new(), Documents.Create)
            .Metadata.Annotations.Should()
            .BeEquivalentTo(
                new Dictionary<string, string>
                {
                    ["autoscaling.knative.dev/class"] = "kpa.autoscaling.knative.dev",
                    ["autoscaling.knative.dev/metric"] = "concurrency",
                }
            );

    [Test]
    public void An_ingress_gets_visibility_and_the_whole_share_of_a_lone_backend()
    {
        var ingress = IngressDefaults.Apply(
            Documents.Read(Resources.Ingresses, """{"spec":{"rules":[{"http":{"paths":[{"splits":[{"serviceName":"a"}]}]}}]}}""")
        );

        ingress.Spec.Rules[0].Visibility.Should().Be("ExternalIP");
        ingress.Spec.Rules[0].Http!.Paths[0].Splits[0].Percent.Should().Be(100);
    }

    [Test]
    public void A_domain_mapping_refers_to_its_own_namespace() =>
        DomainMappingDefaults
            .Apply(
                Documents.Read(Resources.DomainMappings, """{"metadata":{"namespace":"n"},"spec":{"ref":{"name":"s"}}}"""),
                null,
                Documents.Create
            )
            .Spec.Ref.Namespace.Should()
            .Be("n");

    private static Container Defaulted(string podSpec) =>
        ServiceDefaults.Apply(Documents.Service(podSpec), null, Documents.Create).Spec.Template.Spec.Containers[0];

    private static void Same(JsonNode actual, string expected) =>
        JsonNode.DeepEquals(actual, JsonNode.Parse(expected)).Should().BeTrue(actual.ToJsonString());
}
