using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Controller.Revisions.Resources;

namespace Serving.Tests.Controller;

public sealed class DeploymentMakerTests
{
    [Test]
    public void The_pod_has_the_user_container_and_the_sidecar()
    {
        var deployment = DeploymentMaker.Make(Samples.Revision(), Samples.Config, "knative-serving");

        deployment.Metadata.Name.Should().Be("hello-00001-deployment");
        deployment.Spec!.Replicas.Should().Be(1);
        deployment.Spec.ProgressDeadlineSeconds.Should().Be(600);
        deployment.Spec.Selector!.MatchLabels.Should().Equal(new Dictionary<string, string> { [ServingKeys.RevisionUid] = "rev-uid" });
        var template = deployment.Spec.Template!;
        template.Metadata!.Labels.Should().Contain(ServingKeys.App, "hello-00001").And.NotContainKey(ServingKeys.RoutingState);
        template
            .Metadata.Annotations.Should()
            .Contain("mine", "yes")
            .And.Contain(ServingKeys.DefaultContainer, "user-container")
            .And.NotContainKey(AutoscalingKeys.Target.Key);
        template.Spec!.TerminationGracePeriodSeconds.Should().Be(300);
        template.Spec.Containers.Select(container => container.Name).Should().Equal("user-container", "queue-proxy");
    }

    [Test]
    public void The_user_container_is_told_who_it_is_and_drains_through_the_sidecar()
    {
        var user = DeploymentMaker.Make(Samples.Revision(), Samples.Config, "knative-serving").Spec!.Template!.Spec!.Containers[0];

        user.Env.Select(variable => (variable.Name, variable.Value))
            .Should()
            .Equal(("PORT", "8080"), ("K_REVISION", "hello-00001"), ("K_CONFIGURATION", "hello"), ("K_SERVICE", "hello"));
        user.Ports.Single().Should().BeEquivalentTo(new { Name = "user-port", Number = 8080 });
        user.Lifecycle!.PreStop!.HttpGet.Should().BeEquivalentTo(new { Path = "/wait-for-drain", Port = (IntOrString)8022 });
        user.ReadinessProbe.Should().BeNull();
        user.TerminationMessagePolicy.Should().Be("FallbackToLogsOnError");
    }

    [Test]
    public void The_sidecar_has_its_whole_environment()
    {
        var queue = DeploymentMaker.Make(Samples.Revision(), Samples.Config, "knative-serving").Spec!.Template!.Spec!.Containers[1];

        queue
            .Env.Select(variable => variable.Name)
            .Should()
            .Equal(
                "SERVING_NAMESPACE",
                "SERVING_SERVICE",
                "SERVING_CONFIGURATION",
                "SERVING_REVISION",
                "QUEUE_SERVING_PORT",
                "QUEUE_SERVING_TLS_PORT",
                "CONTAINER_CONCURRENCY",
                "REVISION_TIMEOUT_SECONDS",
                "REVISION_RESPONSE_START_TIMEOUT_SECONDS",
                "REVISION_IDLE_TIMEOUT_SECONDS",
                "SERVING_POD",
                "SERVING_POD_IP",
                "SERVING_LOGGING_CONFIG",
                "SERVING_LOGGING_LEVEL",
                "USER_PORT",
                "SYSTEM_NAMESPACE",
                "SERVING_READINESS_PROBE",
                "HOST_IP",
                "ENABLE_HTTP2_AUTO_DETECTION",
                "ENABLE_HTTP_FULL_DUPLEX",
                "ROOT_CA",
                "QUEUE_PROXY_TLS_MIN_VERSION",
                "QUEUE_PROXY_TLS_MAX_VERSION",
                "QUEUE_PROXY_TLS_CIPHER_SUITES",
                "QUEUE_PROXY_TLS_CURVE_PREFERENCES",
                "ENABLE_MULTI_CONTAINER_PROBES",
                "OBSERVABILITY_CONFIG"
            );
        queue
            .Env.Single(variable => variable.Name == "SERVING_READINESS_PROBE")
            .Value.Should()
            .Be("""{"tcpSocket":{"port":8080,"host":"127.0.0.1"},"successThreshold":1}""");
        queue
            .Ports.Select(port => (port.Name, port.Number))
            .Should()
            .Equal(("http-autometric", 9090), ("http-usermetric", 9091), ("queue-port", 8012), ("https-port", 8112));
        queue.Resources!.Requests!["cpu"].Text.Should().Be("25m");
        queue.Resources.Limits.Should().BeNull();
        queue.ReadinessProbe!.HttpGet!.HttpHeaders.Single().Should().BeEquivalentTo(new { Name = "K-Network-Probe", Value = "queue" });
    }

    [Test]
    public void Documents_in_its_environment_are_spelled_as_Go_spells_them()
    {
        var revision = Samples.Revision();
        var container = revision.Spec.Containers[0] with
        {
            ReadinessProbe = new Probe
            {
                HttpGet = new HttpGetAction { Path = "/ready?a=1&b=<c>+'d'", Port = 8080 },
            },
        };
        revision = revision with { Spec = revision.Spec with { Containers = [container] } };
        var config = Samples.Config with
        {
            Observability = Samples.Config.Observability with { LoggingRequestLogTemplate = """{"a": "<{{.Request.Method}}>"}""" },
        };

        var env = DeploymentMaker
            .Make(revision, config, "knative-serving")
            .Spec!.Template!.Spec!.Containers[1]
            .Env.ToDictionary(variable => variable.Name, variable => variable.Value);

        env["SERVING_READINESS_PROBE"]
            .Should()
            .Be("""{"httpGet":{"path":"/ready?a=1\u0026b=\u003cc\u003e+'d'","port":8080,"host":"127.0.0.1","scheme":"HTTP"}}""");
        env["OBSERVABILITY_CONFIG"].Should().EndWith(""","requestLogTemplate":"{\"a\": \"\u003c{{.Request.Method}}\u003e\"}"}""");
    }

    [Test]
    public void An_update_keeps_the_scale_and_what_others_wrote()
    {
        var wanted = DeploymentMaker.Make(Samples.Revision(), Samples.Config, "knative-serving");
        var restarted = wanted.Spec!.Template! with
        {
            Metadata = wanted.Spec.Template!.Metadata! with
            {
                Annotations = new Dictionary<string, string> { ["kubectl.kubernetes.io/restartedAt"] = "now" },
            },
        };
        var existing = wanted with { Spec = wanted.Spec with { Replicas = 7, Template = restarted } };
        var changed = DeploymentMaker.Make(
            Samples.Revision(),
            Samples.Config with
            {
                Deployment = Samples.Config.Deployment with { QueueSidecarImage = "queue:2" },
            },
            "knative-serving"
        );

        DeploymentMaker.Update(existing, wanted).Should().BeNull();
        var update = DeploymentMaker.Update(existing, changed)!;
        update.Spec!.Replicas.Should().Be(7);
        update.Spec.Template!.Metadata!.Annotations.Should().ContainKey("kubectl.kubernetes.io/restartedAt");
        update.Spec.Template.Spec!.Containers[1].Image.Should().Be("queue:2");
    }
}
