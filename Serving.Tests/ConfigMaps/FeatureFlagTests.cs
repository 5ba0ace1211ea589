using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Defaults;
using Serving.Api.Knative;
using Serving.Api.Validation;
using Serving.Api.WellKnown;
using Serving.Controller.Revisions.Resources;
using Serving.Tests.Api;
using Serving.Tests.Controller;

namespace Serving.Tests.ConfigMaps;

/// <summary>The effect of each flag of config-features (disabled, allowed and enabled) while it is changed at run time.</summary>
public sealed class FeatureFlagTests
{
    private const string OneContainer = "\"containers\":[{\"image\":\"busybox\"}]";

    /// <summary>Flags that enable something in a pod specification, and whether "allowed" is enough.</summary>
    private static IEnumerable<TestCaseData> Fields =>
        [
            Field("kubernetes.podspec-affinity", "\"affinity\":{}"),
            Field(
                "kubernetes.podspec-topologyspreadconstraints",
                "\"topologySpreadConstraints\":[{\"maxSkew\":1,\"topologyKey\":\"zone\",\"whenUnsatisfiable\":\"DoNotSchedule\"}]"
            ),
            Field("kubernetes.podspec-hostaliases", "\"hostAliases\":[{\"ip\":\"1.2.3.4\",\"hostnames\":[\"a\"]}]"),
            Field("kubernetes.podspec-nodeselector", "\"nodeSelector\":{\"a\":\"b\"}"),
            Field("kubernetes.podspec-tolerations", "\"tolerations\":[{\"key\":\"a\"}]"),
            Field("kubernetes.podspec-runtimeclassname", "\"runtimeClassName\":\"kata\""),
            Field("kubernetes.podspec-dnspolicy", "\"dnsPolicy\":\"Default\""),
            Field("kubernetes.podspec-dnsconfig", "\"dnsConfig\":{\"nameservers\":[\"1.1.1.1\"]}"),
            Field("kubernetes.podspec-securitycontext", "\"securityContext\":{\"runAsUser\":1000}"),
            Field("kubernetes.podspec-shareprocessnamespace", "\"shareProcessNamespace\":true"),
            Field("kubernetes.podspec-hostipc", "\"hostIPC\":true"),
            Field("kubernetes.podspec-hostpid", "\"hostPID\":true"),
            Field("kubernetes.podspec-hostnetwork", "\"hostNetwork\":true"),
            Field("kubernetes.podspec-priorityclassname", "\"priorityClassName\":\"high\""),
            Field("kubernetes.podspec-schedulername", "\"schedulerName\":\"mine\""),
            Open(
                "kubernetes.podspec-fieldref",
                """{"containers":[{"image":"busybox","env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"spec.nodeName"}}}]}]}""",
                whenAllowed: true
            ),
            Open(
                "kubernetes.containerspec-addcapabilities",
                """{"containers":[{"image":"busybox","securityContext":{"capabilities":{"add":["NET_ADMIN"]}}}]}"""
            ),
            Open("kubernetes.podspec-init-containers", """{"containers":[{"image":"busybox"}],"initContainers":[{"image":"busybox"}]}"""),
            Open("multi-container", """{"containers":[{"image":"busybox","ports":[{"containerPort":8080}]},{"image":"busybox"}]}"""),
            Open(
                "multi-container-probing",
                """{"containers":[{"image":"busybox","ports":[{"containerPort":8080}]},{"image":"busybox","readinessProbe":{"httpGet":{"port":8090}}}]}"""
            ),
            Open("kubernetes.podspec-volumes-emptydir", Volume("{\"emptyDir\":{}}", "")),
            Open("kubernetes.podspec-volumes-image", Volume("{\"image\":{\"reference\":\"busybox\"}}", ",\"readOnly\":true")),
            Open("kubernetes.podspec-volumes-hostpath", Volume("{\"hostPath\":{\"path\":\"/x\"}}", ",\"readOnly\":true")),
            Open("kubernetes.podspec-volumes-ephemeral", Volume("{\"ephemeral\":{\"volumeClaimTemplate\":{\"spec\":{}}}}", "")),
            Open("kubernetes.podspec-volumes-csi", Volume("{\"csi\":{\"driver\":\"d\"}}", ",\"readOnly\":true")),
            Open(
                "kubernetes.podspec-persistent-volume-claim",
                Volume("{\"persistentVolumeClaim\":{\"claimName\":\"c\",\"readOnly\":true}}", ",\"readOnly\":true")
            ),
            Open(
                "kubernetes.podspec-persistent-volume-write",
                Volume("{\"persistentVolumeClaim\":{\"claimName\":\"c\"}}", ""),
                false,
                ("kubernetes.podspec-persistent-volume-claim", "enabled")
            ),
            Open("kubernetes.podspec-volumes-mount-propagation", Volume("{\"emptyDir\":{}}", ",\"mountPropagation\":\"HostToContainer\"")),
        ];

    [TestCaseSource(nameof(Fields))]
    public void A_flag_opens_what_it_is_about(string flag, string podSpec, bool whenAllowed, (string, string)[] beside)
    {
        using var live = new LiveConfig();
        string Refusal(string value)
        {
            live.Put("config-features", [.. beside, (flag, value)]);
            return Errors(live.Current, podSpec);
        }

        Refusal("disabled").Should().NotBeEmpty();
        Refusal("enabled").Should().BeEmpty();
        if (whenAllowed)
        {
            Refusal("Allowed").Should().BeEmpty();
        }
        else
        {
            Refusal("Allowed").Should().NotBeEmpty("it must be enabled for all");
        }
    }

    [Test]
    public void Every_flag_has_a_test_here()
    {
        string[] behaviours =
        [
            "secure-pod-defaults",
            "tag-header-based-routing",
            "autodetect-http2",
            "queueproxy.mount-podinfo",
            "queueproxy.resource-defaults",
        ];
        KeyTests
            .Asked(Serving.ConfigMaps.KnownConfigMaps.All.Single(kind => kind.Name == "config-features"))
            .Should()
            .BeEquivalentTo(Fields.Select(test => (string)test.Arguments[0]!).Concat(behaviours));
    }

    [Test]
    public void Secure_pod_defaults_fill_in_what_a_container_leaves_open()
    {
        using var live = new LiveConfig();
        SecurityContext? Context(string value)
        {
            live.Put("config-features", ("secure-pod-defaults", value));
            return ServiceDefaults
                .Apply(Documents.Service(), null, new AdmissionContext(live.Current))
                .Spec.Template.Spec.Containers[0]
                .SecurityContext;
        }

        Context("disabled").Should().BeNull();
        Context("AllowRootBounded")
            .Should()
            .Match<SecurityContext>(c =>
                c.RunAsNonRoot == null && c.AllowPrivilegeEscalation == false && c.SeccompProfile!.Type == "RuntimeDefault"
            );
        Context("enabled")
            .Should()
            .Match<SecurityContext>(c =>
                c.RunAsNonRoot == true && c.AllowPrivilegeEscalation == false && c.Capabilities!.Drop!.Contains("ALL")
            );
    }

    [Test]
    public void Warnings_of_insecure_defaults_end_with_secure_ones()
    {
        using var live = new LiveConfig();
        string Warnings() => Validate(live.Current, "{" + OneContainer + "}").Only(FieldErrorLevel.Warning).ToString();

        Warnings().Should().Contain("insecure");
        live.Put("config-features", ("secure-pod-defaults", "enabled"));
        Warnings().Should().BeEmpty();
    }

    [TestCase("disabled", "false")]
    [TestCase("allowed", "false")]
    [TestCase("enabled", "true")]
    public void The_sidecar_is_told_to_detect_HTTP2(string value, string told)
    {
        using var live = new LiveConfig();
        live.Put("config-features", ("autodetect-http2", value));
        Queue(Samples.Revision(), live.Current)
            .Env.Single(variable => variable.Name == "ENABLE_HTTP2_AUTO_DETECTION")
            .Value.Should()
            .Be(told);
    }

    [TestCase("disabled", "enabled", false)]
    [TestCase("allowed", "", false)]
    [TestCase("allowed", "enabled", true)]
    [TestCase("enabled", "", true)]
    public void The_sidecar_sees_annotations_of_its_pod_where_it_may(string value, string annotation, bool mounted)
    {
        using var live = new LiveConfig();
        live.Put("config-features", ("queueproxy.mount-podinfo", value));
        var revision = Samples.Revision();
        revision = revision with
        {
            Metadata = revision.Metadata with
            {
                Annotations = new Dictionary<string, string> { [ServingKeys.QueueProxyPodInfo] = annotation },
            },
        };
        Queue(revision, live.Current).VolumeMounts.Any(mount => mount.MountPath == "/etc/podinfo").Should().Be(mounted);
    }

    [TestCase("disabled", false)]
    [TestCase("allowed", false)]
    [TestCase("enabled", true)]
    public void The_sidecar_gets_default_resources(string value, bool defaults)
    {
        using var live = new LiveConfig();
        live.Put("config-features", ("queueproxy.resource-defaults", value));
        var resources = Queue(Samples.Revision(), live.Current).Resources!;
        resources.Requests!["cpu"].Text.Should().Be("25m");
        (resources.Limits?["cpu"].Text).Should().Be(defaults ? "1000m" : null);
        resources.Requests!.ContainsKey("memory").Should().Be(defaults);
    }

    [TestCase("disabled", "false", "{")]
    [TestCase("enabled", "true", "[")]
    public void The_sidecar_probes_every_container_when_told_so(string value, string told, string form)
    {
        using var live = new LiveConfig();
        live.Put("config-features", ("multi-container-probing", value));
        var environment = Queue(Samples.Revision(), live.Current).Env.ToDictionary(variable => variable.Name, variable => variable.Value);
        environment["ENABLE_MULTI_CONTAINER_PROBES"].Should().Be(told);
        environment["SERVING_READINESS_PROBE"].Should().StartWith(form);
    }

    private static TestCaseData Field(string flag, string field) => Open(flag, "{" + OneContainer + "," + field + "}", whenAllowed: true);

    private static TestCaseData Open(string flag, string podSpec, bool whenAllowed = false, params (string, string)[] beside) =>
        new TestCaseData(flag, podSpec, whenAllowed, beside).SetArgDisplayNames(flag);

    private static string Volume(string source, string mount) =>
        "{\"containers\":[{\"image\":\"busybox\",\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\""
        + mount
        + "}]}],\"volumes\":[{\"name\":\"v\","
        + source[1..^1]
        + "}]}";

    private static Container Queue(Revision revision, ConfigSnapshot config) =>
        DeploymentMaker.Make(revision, config, LiveConfig.Namespace).Spec!.Template!.Spec!.Containers[1];

    private static string Errors(ConfigSnapshot config, string podSpec) => Validate(config, podSpec).Only(FieldErrorLevel.Error).ToString();

    private static FieldError Validate(ConfigSnapshot config, string podSpec)
    {
        var context = new AdmissionContext(config);
        return ServiceValidation.Validate(ServiceDefaults.Apply(Documents.Service(podSpec), null, context), null, context);
    }
}
