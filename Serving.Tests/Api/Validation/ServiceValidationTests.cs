using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Api.Defaults;
using Serving.Api.Knative;
using Serving.Api.Validation;

namespace Serving.Tests.Api.Validation;

public sealed class ServiceValidationTests
{
    private const string Label1035 =
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character "
        + "(e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";

    [Test]
    public void A_plain_service_is_accepted_with_warnings_of_insecure_defaults()
    {
        var result = Validate(Documents.Service());

        result.Only(FieldErrorLevel.Error).IsEmpty.Should().BeTrue(result.ToString());
        result
            .Only(FieldErrorLevel.Warning)
            .ToString()
            .Should()
            .Be(
                "Kubernetes default value is insecure, Knative may default this to secure in a future release: "
                    + "spec.template.spec.containers[0].securityContext.allowPrivilegeEscalation, spec.template.spec.containers[0].securityContext.capabilities, "
                    + "spec.template.spec.containers[0].securityContext.runAsNonRoot, spec.template.spec.containers[0].securityContext.seccompProfile"
            );
    }

    [TestCase("""{"containers":[]}""", "missing field(s): spec.template.spec.containers")]
    [TestCase("""{"containers":[{"name":"foo"}]}""", "missing field(s): spec.template.spec.containers[0].image")]
    [TestCase(
        """{"containers":[{"image":"busybox"}],"containerConcurrency":-10}""",
        "expected 0 <= -10 <= 1000: spec.template.spec.containerConcurrency"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox"}],"containerConcurrency":2000}""",
        "expected 0 <= 2000 <= 1000: spec.template.spec.containerConcurrency"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox"}],"timeoutSeconds":6000}""",
        "expected 0 <= 6000 <= 600: spec.template.spec.timeoutSeconds"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox"}],"timeoutSeconds":-30}""",
        "expected 0 <= -30 <= 600: spec.template.spec.timeoutSeconds"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox"}],"serviceAccountName":"foo@bar.baz"}""",
        "invalid value: foo@bar.baz: spec.template.spec.serviceAccountName\na lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox"}],"nodeName":"x","hostNetwork":true}""",
        "must not set the field(s): spec.template.spec.hostNetwork, spec.template.spec.nodeName"
    )]
    [TestCase("""{"containers":[{"image":"busybox"}],"affinity":{}}""", "must not set the field(s): spec.template.spec.affinity")]
    [TestCase(
        """{"containers":[{"image":"busybox"}],"automountServiceAccountToken":true}""",
        "must not set the field(s): spec.template.spec.automountServiceAccountToken"
    )]
    [TestCase(
        """{"containers":[{"image":"foo:bar:baz"}]}""",
        "Failed to parse image reference: spec.template.spec.containers[0].image\nimage: \"foo:bar:baz\", error: could not parse reference: foo:bar:baz"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","name":"queue-proxy"}]}""",
        "\"queue-proxy\" is a reserved container name: spec.template.spec.containers[0].name"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","lifecycle":{}}]}""",
        "must not set the field(s): spec.template.spec.containers[0].lifecycle"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","env":[{"name":"PORT","value":"Foo"}]}]}""",
        "\"PORT\" is a reserved environment variable: spec.template.spec.containers[0].env[0].name"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","env":[{"value":"Foo"}]}]}""",
        "missing field(s): spec.template.spec.containers[0].env[0].name"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"spec.nodeName"}}}]}]}""",
        "must not set the field(s): spec.template.spec.containers[0].env[0].valueFrom.fieldRef"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","envFrom":[{"prefix":"a"}]}]}""",
        "expected exactly one, got neither: spec.template.spec.containers[0].envFrom.configMapRef, spec.template.spec.containers[0].envFrom.secretRef"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","ports":[{"name":"http","containerPort":8080}]}]}""",
        "Port name http is not allowed: spec.template.spec.containers[0].ports\nName must be empty, or one of: 'h2c', 'http1'"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","ports":[{"containerPort":9090}]}]}""",
        "invalid value: 9090 is a reserved port: spec.template.spec.containers[0].ports.containerPort\n9090 is a reserved port, please use a different value"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","ports":[{"containerPort":65536}]}]}""",
        "expected 0 <= 65536 <= 65535: spec.template.spec.containers[0].ports.containerPort"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","ports":[{"containerPort":8080,"hostPort":80}]}]}""",
        "must not set the field(s): spec.template.spec.containers[0].ports.hostPort"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","ports":[{"containerPort":8080,"protocol":"UDP"}]}]}""",
        "invalid value: UDP: spec.template.spec.containers[0].ports.protocol"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","ports":[{"containerPort":8080},{"containerPort":8181}]}]}""",
        "more than one container port is set: spec.template.spec.containers[*].ports\nOnly a single port is allowed across all containers"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox"},{"image":"helloworld"}]}""",
        "missing field(s): spec.template.spec.containers[*].ports"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","readinessProbe":{"httpGet":{"path":"/"},"tcpSocket":{}}}]}""",
        "expected exactly one, got both: spec.template.spec.containers[0].readinessProbe.httpGet, spec.template.spec.containers[0].readinessProbe.tcpSocket"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","livenessProbe":{"timeoutSeconds":1}}]}""",
        "expected exactly one, got neither: spec.template.spec.containers[0].livenessProbe.exec, spec.template.spec.containers[0].livenessProbe.grpc, spec.template.spec.containers[0].livenessProbe.httpGet, spec.template.spec.containers[0].livenessProbe.tcpSocket"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","livenessProbe":{"tcpSocket":{"port":"imap"}}}]}""",
        "invalid value: imap: spec.template.spec.containers[0].livenessProbe.tcpSocket.port\nProbe port must match container port"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","readinessProbe":{"httpGet":{"path":"/"},"periodSeconds":0,"failureThreshold":1,"timeoutSeconds":1}}]}""",
        "failureThreshold is disallowed when periodSeconds is zero: spec.template.spec.containers[0].readinessProbe.failureThreshold\n"
            + "timeoutSeconds is disallowed when periodSeconds is zero: spec.template.spec.containers[0].readinessProbe.timeoutSeconds"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","readinessProbe":{"httpGet":{"path":"/"},"periodSeconds":-1}}]}""",
        "expected 0 <= -1 <= 2147483647: spec.template.spec.containers[0].readinessProbe.periodSeconds"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","terminationMessagePolicy":"Fxx"}]}""",
        "invalid value: Fxx: spec.template.spec.containers[0].terminationMessagePolicy"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","securityContext":{"runAsUser":-10,"privileged":true}}]}""",
        "expected 0 <= -10 <= 2147483647: spec.template.spec.containers[0].securityContext.runAsUser\nmust not set the field(s): spec.template.spec.containers[0].securityContext.privileged"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","securityContext":{"capabilities":{"add":["all"]}}}]}""",
        "must not set the field(s): spec.template.spec.containers[0].securityContext.capabilities.add"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","volumeMounts":[{"name":"the-name","mountPath":"/mount/path"}]}]}""",
        "volumeMount has no matching volume: spec.template.spec.containers[0].volumeMounts[0].name"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox"}],"volumes":[{"name":"the-name","secret":{"secretName":"foo"}}]}""",
        "volume with name \"the-name\" not mounted: spec.template.spec.volumes[0].name"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","volumeMounts":[{"name":"v","mountPath":"/dev/"}]}],"volumes":[{"name":"v","emptyDir":{}}]}""",
        "mountPath \"/dev\" is a reserved path: spec.template.spec.containers[0].volumeMounts[0].mountPath"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","volumeMounts":[{"name":"v","mountPath":"a/b"}]}],"volumes":[{"name":"v","emptyDir":{"medium":"Tape"}}]}""",
        "invalid value: Tape: spec.template.spec.volumes[0].emptyDir.medium\ninvalid value: a/b: spec.template.spec.containers[0].volumeMounts[0].mountPath"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","volumeMounts":[{"name":"v","mountPath":"/a"}]}],"volumes":[{"name":"v"}]}""",
        "expected exactly one, got neither: spec.template.spec.volumes[0].configMap, spec.template.spec.volumes[0].emptyDir, spec.template.spec.volumes[0].projected, spec.template.spec.volumes[0].secret"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox","volumeMounts":[{"name":"v","mountPath":"/a"}]}],"volumes":[{"name":"v","hostPath":{"path":"/"}}]}""",
        "HostPath volume support is disabled, but found HostPath volume v: \nmust not set the field(s): spec.template.spec.volumes[0].hostPath"
    )]
    [TestCase(
        """{"containers":[{"image":"busybox"}],"initContainers":[{"image":"x"}]}""",
        "must not set the field(s): spec.template.spec.initContainers\npod spec support for init-containers is off, but found 1 init containers: "
    )]
    public void Pod_specifications_are_refused(string podSpec, string expected) => Errors(Documents.Service(podSpec)).Should().Be(expected);

    [TestCase("""{"name":"foo"}""", "invalid value: \"foo\" must have prefix \"byo-\": spec.template.metadata.name")]
    [TestCase("""{"name":"byo.foo"}""", "invalid value: not a DNS 1035 label: [" + Label1035 + "]: spec.template.metadata.name")]
    [TestCase(
        """{"annotations":{"autoscaling.knative.dev/min-scale":"foo"}}""",
        "invalid value: foo: spec.template.metadata.annotations.autoscaling.knative.dev/min-scale"
    )]
    [TestCase(
        """{"annotations":{"autoscaling.knative.dev/min-scale":"-1"}}""",
        "expected 0 <= -1 <= 2147483647: spec.template.metadata.annotations.autoscaling.knative.dev/min-scale"
    )]
    [TestCase(
        """{"annotations":{"autoscaling.knative.dev/minScale":"5","autoscaling.knative.dev/max-scale":"2"}}""",
        "max-scale=2 is less than min-scale=5: spec.template.metadata.annotations.autoscaling.knative.dev/max-scale, spec.template.metadata.annotations.autoscaling.knative.dev/min-scale"
    )]
    [TestCase(
        """{"annotations":{"autoscaling.knative.dev/window":"5s"}}""",
        "expected 6s <= 5s <= 1h0m0s: spec.template.metadata.annotations.autoscaling.knative.dev/window"
    )]
    [TestCase(
        """{"annotations":{"autoscaling.knative.dev/target":"0.001"}}""",
        "target 0.001 should be at least 0.01: spec.template.metadata.annotations.autoscaling.knative.dev/target"
    )]
    [TestCase(
        """{"annotations":{"autoscaling.knative.dev/metric":"cpu"}}""",
        "invalid value: cpu: spec.template.metadata.annotations.autoscaling.knative.dev/metric"
    )]
    [TestCase(
        """{"annotations":{"autoscaling.knative.dev/class":"a.knative.dev"}}""",
        "invalid value: a.knative.dev: spec.template.metadata.annotations.autoscaling.knative.dev/class"
    )]
    [TestCase(
        """{"annotations":{"autoscaling.knative.dev/activation-scale":"1"}}""",
        "activation-scale=1 must be greater than 1: spec.template.metadata.annotations.autoscaling.knative.dev/activation-scale"
    )]
    [TestCase(
        """{"annotations":{"autoscaling.knative.dev/initial-scale":"0"}}""",
        "invalid value: 0: spec.template.metadata.annotations.autoscaling.knative.dev/initial-scale=0 not allowed by cluster"
    )]
    [TestCase(
        """{"annotations":{"autoscaling.knative.dev/scale-down-delay":"-1s"}}""",
        "expected 0s <= -1s <= 1h0m0s: spec.template.metadata.annotations.autoscaling.knative.dev/scale-down-delay"
    )]
    [TestCase(
        """{"annotations":{"autoscaling.knative.dev/panic-window-percentage":"0.5"}}""",
        "expected 1 <= 0.5 <= 100: spec.template.metadata.annotations.autoscaling.knative.dev/panic-window-percentage"
    )]
    [TestCase(
        """{"annotations":{"networking.knative.dev/foo":"x"}}""",
        "invalid key name \"networking.knative.dev/foo\": spec.template.metadata.annotations"
    )]
    [TestCase(
        """{"annotations":{"serving.knative.dev/progress-deadline":"1.5s"}}""",
        "progress-deadline=1.5s is not at second precision: spec.template.metadata.annotations.serving.knative.dev/progress-deadline"
    )]
    [TestCase(
        """{"annotations":{"queue.sidecar.serving.knative.dev/cpu-resource-request":"abx"}}""",
        "invalid value: abx: spec.template.metadata.annotations.[queue.sidecar.serving.knative.dev/cpu-resource-request]"
    )]
    public void Template_metadata_is_refused(string template, string expected) =>
        Errors(Documents.Service(template: template)).Should().Be(expected);

    [TestCase("""{"name":"do.not.use.dots"}""", "not a DNS 1035 label: [" + Label1035 + "]: metadata.name")]
    [TestCase("{}", "name or generateName is required: metadata.name")]
    [TestCase(
        """{"name":"byo","annotations":{"autoscaling.knative.dev/min-scale":"1"}}""",
        "invalid key name \"autoscaling.knative.dev/min-scale\": metadata.annotations\nautoscaling annotations must be put under \"spec.template.metadata.annotations\" to work"
    )]
    [TestCase(
        """{"name":"byo","annotations":{"serving.knative.dev/rollout-duration":"10mins"}}""",
        "invalid value: 10mins: metadata.annotations.serving.knative.dev/rollout-duration"
    )]
    [TestCase(
        """{"name":"byo","annotations":{"serving.knative.dev/rolloutDuration":"311.5s"}}""",
        "rollout-duration=311.5s is not at second precision: metadata.annotations.serving.knative.dev/rolloutDuration"
    )]
    [TestCase(
        """{"name":"byo","annotations":{"serving.knative.dev/rollout-duration":"-13s"}}""",
        "rollout-duration=-13s must be positive: metadata.annotations.serving.knative.dev/rollout-duration"
    )]
    public void Metadata_is_refused(string metadata, string expected) =>
        Errors(Documents.Service(metadata: metadata)).Should().Be(expected);

    [TestCase("""[{"percent":90}]""", "Traffic targets sum to 90, want 100: spec.traffic")]
    [TestCase("""[{"configurationName":"x","percent":100}]""", "must not set the field(s): spec.traffic[0].configurationName")]
    [TestCase(
        """[{"revisionName":"byo-1","latestRevision":true,"percent":100}]""",
        "may not set revisionName \"byo-1\" when latestRevision is true: spec.traffic[0].latestRevision"
    )]
    [TestCase(
        """[{"tag":"foo","percent":50},{"tag":"foo","percent":50}]""",
        "Multiple definitions for \"foo\": spec.traffic[0].tag, spec.traffic[1].tag"
    )]
    [TestCase(
        """[{"percent":101},{"percent":-1}]""",
        "expected 0 <= -1 <= 100: spec.traffic[1].percent\nexpected 0 <= 101 <= 100: spec.traffic[0].percent"
    )]
    [TestCase("""[{"percent":100,"url":"http://a"}]""", "must not set the field(s): spec.traffic[0].url")]
    [TestCase("""[{"percent":100,"tag":"foo."}]""", "invalid value: not a DNS 1035 label: [" + Label1035 + "]: spec.traffic.tag[0]")]
    public void Traffic_is_refused(string traffic, string expected) => Errors(Documents.Service(traffic: traffic)).Should().Be(expected);

    [Test]
    public void A_template_that_changes_must_change_its_own_name()
    {
        const string Template = """{"name":"byo-foo"}""";
        var old = Documents.Service("""{"containers":[{"image":"helloworld:bar"}]}""", Template);
        var changed = Documents.Service("""{"containers":[{"image":"helloworld:foo"}]}""", Template);

        ServiceValidation
            .Validate(changed with { Spec = changed.Spec with { Traffic = [new() { Percent = 100 }] } }, old, Documents.Update)
            .Only(FieldErrorLevel.Error)
            .ToString()
            .Should()
            .Be(
                "Saw the following changes without a name change (-old +new): spec.template.metadata.name\n"
                    + "{*v1.RevisionTemplateSpec}.Spec.PodSpec.Containers[0].Image:\n\t-: \"helloworld:bar\"\n\t+: \"helloworld:foo\"\n"
            );
    }

    [Test]
    public void The_creator_cannot_be_changed()
    {
        Service By(string user) =>
            Documents.Service(
                metadata: $$"""{"name":"byo","annotations":{"serving.knative.dev/creator":"{{user}}"} }""",
                traffic: """[{"percent":100}]"""
            );

        ServiceValidation
            .Validate(By("eve"), By("ann"), Documents.Update)
            .Only(FieldErrorLevel.Error)
            .ToString()
            .Should()
            .Be("annotation value is immutable: metadata.annotations.serving.knative.dev/creator");
    }

    [Test]
    public void A_write_of_the_status_is_not_judged() =>
        ServiceValidation
            .Validate(Documents.Service("""{"containers":[]}"""), Documents.Service(), Documents.Update with { Subresource = "status" })
            .IsEmpty.Should()
            .BeTrue();

    [Test]
    public void Open_features_open_their_fields()
    {
        var service = Documents.Service(
            """{"containers":[{"image":"busybox"}],"affinity":{},"initContainers":[{"image":"busybox","name":"i"}]}"""
        );
        var context = Documents.With(new() { PodSpecAffinity = FeatureFlag.Enabled, PodSpecInitContainers = FeatureFlag.Enabled });

        ServiceValidation
            .Validate(ServiceDefaults.Apply(service, null, context), null, context)
            .Only(FieldErrorLevel.Error)
            .ToString()
            .Should()
            .BeEmpty();
    }

    private static FieldError Validate(Service service) =>
        ServiceValidation.Validate(ServiceDefaults.Apply(service, null, Documents.Create), null, Documents.Create);

    private static string Errors(Service service) => Validate(service).Only(FieldErrorLevel.Error).ToString();
}
