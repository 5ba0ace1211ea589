using System.Net;
using System.Text.Json;
using FluentAssertions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;
using Serving.Webhook;

namespace Serving.Tests.Webhook;

/// <summary>The server-side dry run of the pod, and its responses.</summary>
public sealed class PodSpecDryRunTests
{
    private const string Good =
        """{"metadata":{"name":"a","namespace":"n"},"spec":{"template":{"spec":{"containers":[{"name":"c","image":"app"}]}}}}""";
    private static readonly GroupVersionKind Service = new("serving.knative.dev", "v1", "Service");
    private static readonly GroupVersionKind Configuration = new("serving.knative.dev", "v1", "Configuration");

    [TestCase("CREATE", "", true, true)]
    [TestCase("UPDATE", "", true, true)]
    [TestCase("DELETE", "", true, false)]
    [TestCase("CREATE", "", false, false)]
    [TestCase("UPDATE", "status", true, false)]
    public async Task Only_a_dry_run_of_the_object_itself_is_tried(string operation, string subresource, bool dryRun, bool isTried)
    {
        var refusal = await Try(Service, Good, Refused("no"), operation, subresource, dryRun);

        (refusal is not null).Should().Be(isTried);
    }

    [Test]
    public async Task A_refusal_of_the_pod_refuses_the_service() =>
        (await Try(Service, Good, Refused("Pod \"dry-run-validation\" is invalid: spec.x: Invalid value")))
            .Should()
            .Be(
                "validation callback failed: dry run failed with Pod \"dry-run-validation\" is invalid: spec.x: Invalid value: spec.template"
            );

    [Test]
    public async Task An_API_server_that_cannot_be_reached_refuses_too() =>
        (await Try(Configuration, Good, new HttpRequestException("connection refused")))
            .Should()
            .Be("validation callback failed: dry run failed with connection refused: spec.template");

    [Test]
    public async Task A_webhook_of_others_that_cannot_try_is_no_refusal() =>
        (await Try(Service, Good, Refused("admission webhook \"x\" does not support dry run"))).Should().BeNull();

    [TestCase("s", false)]
    [TestCase("", true)]
    public async Task The_configuration_of_a_service_was_tried_with_it(string owner, bool isTried)
    {
        var labelled = Good.Replace(
            "\"name\":\"a\"",
            $"\"name\":\"a\",\"labels\":{{\"serving.knative.dev/service\":\"{owner}\"}}",
            StringComparison.Ordinal
        );

        ((await Try(Configuration, labelled, Refused("no"))) is not null).Should().Be(isTried);
    }

    [Test]
    public async Task Routes_have_no_pods() =>
        (await Try(new("serving.knative.dev", "v1", "Route"), Good, Refused("no"))).Should().BeNull();

    [Test]
    public async Task The_pod_is_as_it_would_be_made()
    {
        const string Spec = """
            {"metadata":{"name":"a","namespace":"n"},"spec":{"template":{"spec":{"timeoutSeconds":30,"containers":[
             {"name":"c","image":"app","ports":[{"name":"h2c","containerPort":81}],"livenessProbe":{"httpGet":{"path":"/"}},"readinessProbe":{"tcpSocket":{"port":0},"successThreshold":1}},
             {"name":"side","image":"b","readinessProbe":{"exec":{"command":["ls"]}}}]}}}}
            """;

        Pod? tried = null;
        var client = Substitute.For<IKubernetesClient>();
        client
            .CreateAsync(Resources.Pods, Arg.Do<Pod>(p => tried = p), Arg.Any<CancellationToken>(), Arg.Is<WriteOptions?>(o => o!.DryRun))
            .Returns(new Pod());

        (
            await PodSpecDryRun.CheckAsync(
                new("u", Service, "CREATE", "", "n", "a", "ann", JsonDocument.Parse(Spec).RootElement, null, true),
                client,
                default
            )
        )
            .Should()
            .BeNull();

        var pod = tried!;

        pod.Metadata.GenerateName.Should().Be("dry-run-validation");
        pod.Metadata.Namespace.Should().Be("n");
        pod.Spec!.TerminationGracePeriodSeconds.Should().Be(30);
        pod.Spec.Containers[0]
            .Ports.Should()
            .BeEquivalentTo(
                new[]
                {
                    new ContainerPort { Name = "user-port", Number = 81 },
                }
            );
        pod.Spec.Containers[0].LivenessProbe!.HttpGet!.Port.Should().Be((IntOrString)81);
        pod.Spec.Containers[0].ReadinessProbe.Should().BeNull();
        pod.Spec.Containers[0].Env.Select(e => e.Name).Should().Contain("PORT").And.Contain("K_SERVICE");
        pod.Spec.Containers[0].TerminationMessagePolicy.Should().Be("FallbackToLogsOnError");
        pod.Spec.Containers[1].Ports.Should().BeEmpty();
        pod.Spec.Containers[1].ReadinessProbe!.Exec.Should().NotBeNull();
    }

    private static KubernetesException Refused(string message) =>
        new("create pods", new Status { Code = (int)HttpStatusCode.UnprocessableEntity, Message = message });

    private static async Task<string?> Try(
        GroupVersionKind kind,
        string json,
        Exception answer,
        string operation = "CREATE",
        string subresource = "",
        bool dryRun = true
    )
    {
        var cluster = new InMemoryCluster();
        cluster.FailNext(r => r.Plural == "pods", answer);
        var value = JsonDocument.Parse(json).RootElement;
        return await PodSpecDryRun.CheckAsync(
            new("u", kind, operation, subresource, "n", "a", "ann", value, null, dryRun),
            cluster,
            default
        );
    }
}
