using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.Tests.LocalCluster.ApiServer;

/// <summary>Validation of pods, Services and their data, one row per rule.</summary>
public sealed class PodRuleTests
{
    private const string Range = "must be between 1 and 65535, inclusive";

    private const string StartupAtPort0 = "\"startupProbe\":{\"tcpSocket\":{\"port\":0}}";
    private const string Main = "\"name\":\"main\",\"image\":\"i\"";

    private static readonly Dictionary<string, ResourceInfo> Kinds = BuiltInKinds
        .Load()
        .GroupBy(kind => kind.Kind)
        .ToDictionary(group => group.Key, group => group.First());

    [TestCase("""{"httpGet":{"path":"/","port":8080}}""", null)]
    [TestCase("""{"httpGet":{"path":"/","port":"http"}}""", null)]
    [TestCase("""{"tcpSocket":{"port":65535}}""", null)]
    [TestCase("""{"grpc":{"port":1}}""", null)]
    [TestCase("""{"exec":{"command":["true"]}}""", null)]
    [TestCase("{}", "PROBE: Required value: must specify a handler type")]
    [TestCase("""{"periodSeconds":3}""", "PROBE: Required value: must specify a handler type")]
    [TestCase("""{"httpGet":{"path":"/","port":0}}""", "PROBE.httpGet.port: Invalid value: 0: " + Range)]
    [TestCase("""{"httpGet":{"path":"/"}}""", "PROBE.httpGet.port: Invalid value: 0: " + Range)]
    [TestCase("""{"httpGet":{"path":"/","port":65536}}""", "PROBE.httpGet.port: Invalid value: 65536: " + Range)]
    [TestCase("""{"httpGet":{"path":"/","port":""}}""", "PROBE.httpGet.port: Invalid value: \"\": must contain at least one letter (a-z)")]
    [TestCase(
        """{"httpGet":{"path":"/","port":"8080"}}""",
        "PROBE.httpGet.port: Invalid value: \"8080\": must contain at least one letter (a-z)"
    )]
    [TestCase(
        """{"httpGet":{"path":"/","port":80,"scheme":"FTP"}}""",
        "PROBE.httpGet.scheme: Unsupported value: \"FTP\": supported values: \"HTTP\", \"HTTPS\""
    )]
    [TestCase("""{"tcpSocket":{}}""", "PROBE.tcpSocket.port: Invalid value: 0: " + Range)]
    [TestCase("""{"tcpSocket":{"port":-1}}""", "PROBE.tcpSocket.port: Invalid value: -1: " + Range)]
    [TestCase("""{"grpc":{"port":0}}""", "PROBE.grpc.port: Invalid value: 0: " + Range)]
    [TestCase("""{"exec":{}}""", "PROBE.exec.command: Required value")]
    [TestCase(
        """{"tcpSocket":{"port":1},"httpGet":{"path":"/","port":1}}""",
        "PROBE.tcpSocket: Forbidden: may not specify more than 1 handler type"
    )]
    [TestCase(
        """{"tcpSocket":{"port":1},"initialDelaySeconds":-1}""",
        "PROBE.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0"
    )]
    [TestCase(
        """{"tcpSocket":{"port":1},"timeoutSeconds":-1}""",
        "PROBE.timeoutSeconds: Invalid value: -1: must be greater than or equal to 0"
    )]
    [TestCase(
        """{"tcpSocket":{"port":1},"periodSeconds":-1}""",
        "PROBE.periodSeconds: Invalid value: -1: must be greater than or equal to 0"
    )]
    [TestCase(
        """{"tcpSocket":{"port":1},"failureThreshold":-1}""",
        "PROBE.failureThreshold: Invalid value: -1: must be greater than or equal to 0"
    )]
    public void Probes_of_every_kind(string probe, string? refusal)
    {
        foreach (var kind in (string[])["livenessProbe", "readinessProbe", "startupProbe"])
        {
            Problems(Container($$"""{{Main}},"{{kind}}":{{probe}}"""))
                .Should()
                .Equal(Expected(refusal?.Replace("PROBE", $"spec.containers[0].{kind}", StringComparison.Ordinal)));
        }
    }

    [TestCase("livenessProbe", "\"successThreshold\":2", "successThreshold: Invalid value: 2: must be 1")]
    [TestCase("startupProbe", "\"successThreshold\":3", "successThreshold: Invalid value: 3: must be 1")]
    [TestCase("readinessProbe", "\"successThreshold\":3", null)]
    [TestCase(
        "readinessProbe",
        "\"terminationGracePeriodSeconds\":3",
        "terminationGracePeriodSeconds: Invalid value: 3: must not be set for readinessProbes"
    )]
    [TestCase(
        "livenessProbe",
        "\"terminationGracePeriodSeconds\":0",
        "terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0"
    )]
    [TestCase("startupProbe", "\"terminationGracePeriodSeconds\":5", null)]
    public void Numbers_that_one_probe_may_have_and_another_may_not(string probe, string numbers, string? refusal) =>
        Problems(Container($$"""{{Main}},"{{probe}}":{"tcpSocket":{"port":1},{{numbers}}}"""))
            .Should()
            .Equal(Expected(refusal is null ? null : $"spec.containers[0].{probe}.{refusal}"));

    [TestCase("\"lifecycle\":{\"preStop\":{}}", "lifecycle.preStop: Required value: must specify a handler type")]
    [TestCase(
        "\"lifecycle\":{\"postStart\":{\"httpGet\":{\"path\":\"/\",\"port\":0}}}",
        "lifecycle.postStart.httpGet.port: Invalid value: 0: " + Range
    )]
    [TestCase("\"lifecycle\":{\"preStop\":{\"sleep\":{\"seconds\":3}}}", null)]
    [TestCase("\"ports\":[{\"containerPort\":70000}]", "ports[0].containerPort: Invalid value: 70000: " + Range)]
    [TestCase("\"ports\":[{\"containerPort\":1,\"hostPort\":70000}]", "ports[0].hostPort: Invalid value: 70000: " + Range)]
    [TestCase(
        "\"ports\":[{\"containerPort\":1,\"name\":\"a\"},{\"containerPort\":2,\"name\":\"a\"}]",
        "ports[1].name: Duplicate value: \"a\""
    )]
    [TestCase(
        "\"ports\":[{\"containerPort\":1,\"name\":\"Http\"}]",
        "ports[0].name: Invalid value: \"Http\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    )]
    [TestCase(
        "\"ports\":[{\"containerPort\":1,\"name\":\"a-name-that-is-long\"}]",
        "ports[0].name: Invalid value: \"a-name-that-is-long\": must be no more than 15 characters"
    )]
    [TestCase(
        "\"ports\":[{\"containerPort\":1,\"name\":\"a--b\"}]",
        "ports[0].name: Invalid value: \"a--b\": must not contain consecutive hyphens"
    )]
    [TestCase(
        "\"ports\":[{\"containerPort\":1,\"name\":\"-a\"}]",
        "ports[0].name: Invalid value: \"-a\": must not begin or end with a hyphen"
    )]
    [TestCase("\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}]", "volumeMounts[0].name: Not found: \"v\"")]
    public void Containers(string fields, string? refusal) =>
        Problems(Container($"{Main},{fields}")).Should().Equal(Expected(refusal is null ? null : $"spec.containers[0].{refusal}"));

    [TestCase("""{"name":"a","image":"i"},{"name":"a","image":"i"}""", "", "spec.containers[1].name: Duplicate value: \"a\"")]
    [TestCase("""{"name":"a","image":"i"}""", """{"name":"a","image":"i"}""", "spec.initContainers[0].name: Duplicate value: \"a\"")]
    [TestCase(
        """{"name":"a","image":"i"}""",
        """{"name":"A","image":"i"}""",
        "spec.initContainers[0].name: Invalid value: \"A\": " + Names.LabelRule
    )]
    [TestCase("""{"name":"a","image":"i"}""", """{"image":"i"}""", "spec.initContainers[0].name: Required value")]
    [TestCase("""{"name":"a","image":"i"}""", """{"name":"b"}""", "spec.initContainers[0].image: Required value")]
    [TestCase(
        """{"name":"a","image":"i"}""",
        """{"name":"b","image":"i","readinessProbe":{"tcpSocket":{"port":1}}}""",
        "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always"
    )]
    [TestCase(
        """{"name":"a","image":"i"}""",
        """{"name":"b","image":"i","restartPolicy":"Always","readinessProbe":{"tcpSocket":{"port":1}}}""",
        null
    )]
    [TestCase(
        """{"name":"a","image":"i"}""",
        """{"name":"b","image":"i","restartPolicy":"Always","startupProbe":{"tcpSocket":{"port":0}}}""",
        "spec.initContainers[0].startupProbe.tcpSocket.port: Invalid value: 0: " + Range
    )]
    public void Names_and_init_containers(string containers, string initial, string? refusal) =>
        Problems($$"""{"containers":[{{containers}}],"initContainers":[{{initial}}]}""").Should().Equal(Expected(refusal));

    [TestCase("""{"name":"v","emptyDir":{}}""", null)]
    [TestCase(
        """{"name":"v","secret":{"secretName":"s","defaultMode":420}},{"name":"w","configMap":{"name":"m","items":[{"key":"k","path":"a/b"}]}}""",
        null
    )]
    [TestCase(
        """{"name":"v","projected":{"sources":[{"secret":{"name":"s"}},{"serviceAccountToken":{"path":"t"}},{"downwardAPI":{"items":[{"path":"p","fieldRef":{"fieldPath":"metadata.name"}}]}}]}}""",
        null
    )]
    [TestCase("""{"name":"v"}""", "[0]: Required value: must specify a volume type")]
    [TestCase(
        """{"name":"v","emptyDir":{},"secret":{"secretName":"s"}}""",
        "[0].secret: Forbidden: may not specify more than 1 volume type"
    )]
    [TestCase("""{"emptyDir":{}}""", "[0].name: Required value")]
    [TestCase("""{"name":"V","emptyDir":{}}""", "[0].name: Invalid value: \"V\": " + Names.LabelRule)]
    [TestCase("""{"name":"v","emptyDir":{}},{"name":"v","emptyDir":{}}""", "[1].name: Duplicate value: \"v\"")]
    [TestCase("""{"name":"v","secret":{}}""", "[0].secret.secretName: Required value")]
    [TestCase("""{"name":"v","configMap":{}}""", "[0].configMap.name: Required value")]
    [TestCase("""{"name":"v","persistentVolumeClaim":{}}""", "[0].persistentVolumeClaim.claimName: Required value")]
    [TestCase(
        """{"name":"v","secret":{"secretName":"s","defaultMode":512}}""",
        "[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive"
    )]
    [TestCase(
        """{"name":"v","secret":{"secretName":"s","items":[{"key":"k","path":"../x"}]}}""",
        "[0].secret.items[0].path: Invalid value: \"../x\": must not contain '..'"
    )]
    [TestCase(
        """{"name":"v","secret":{"secretName":"s","items":[{"key":"k","path":"/x"}]}}""",
        "[0].secret.items[0].path: Invalid value: \"/x\": must be a relative path"
    )]
    [TestCase("""{"name":"v","secret":{"secretName":"s","items":[{"path":"x"}]}}""", "[0].secret.items[0].key: Required value")]
    [TestCase(
        """{"name":"v","projected":{"sources":[{"secret":{"name":"s"},"configMap":{"name":"m"}}]}}""",
        "[0].projected.sources[0].configMap: Forbidden: may not specify more than 1 volume type"
    )]
    [TestCase("""{"name":"v","projected":{"sources":[{"secret":{}}]}}""", "[0].projected.sources[0].secret.name: Required value")]
    public void Volumes(string volumes, string? refusal) =>
        Problems($$"""{"containers":[{ {{Main}} }],"volumes":[{{volumes}}]}""")
            .Should()
            .Equal(Expected(refusal is null ? null : $"spec.volumes{refusal}"));

    [Test]
    public void Templates_of_every_workload_are_checked_like_pods()
    {
        foreach (var kind in (string[])["Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"])
        {
            Problems(
                    kind,
                    $$$$"""{"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{{{{Container(Main + "," + StartupAtPort0)}}}} }}}"""
                )
                .Should()
                .Equal("spec.template.spec.containers[0].startupProbe.tcpSocket.port: Invalid value: 0: " + Range);
        }
    }

    [TestCase("""{"port":80,"targetPort":8080,"protocol":"TCP"}""", null)]
    [TestCase("""{"port":80,"targetPort":"http"}""", null)]
    [TestCase("""{"name":"a","port":53,"protocol":"UDP"},{"name":"b","port":53,"protocol":"TCP"}""", null)]
    [TestCase("""{"port":0}""", "[0].port: Invalid value: 0: " + Range)]
    [TestCase("""{"port":65536}""", "[0].port: Invalid value: 65536: " + Range)]
    [TestCase("""{"port":80,"targetPort":65536}""", "[0].targetPort: Invalid value: 65536: " + Range)]
    [TestCase(
        """{"port":80,"targetPort":"a_b"}""",
        "[0].targetPort: Invalid value: \"a_b\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    )]
    [TestCase(
        """{"port":80,"protocol":"HTTP"}""",
        "[0].protocol: Unsupported value: \"HTTP\": supported values: \"SCTP\", \"TCP\", \"UDP\""
    )]
    [TestCase("""{"port":80,"name":"A"}""", "[0].name: Invalid value: \"A\": " + Names.LabelRule)]
    [TestCase("""{"name":"a","port":80},{"name":"a","port":81}""", "[1].name: Duplicate value: \"a\"")]
    [TestCase("""{"name":"a","port":80},{"name":"b","port":80}""", "[1]: Duplicate value: \"80/TCP\"")]
    [TestCase("""{"name":"a","port":80},{"port":81}""", "[1].name: Required value")]
    [TestCase("""{"port":80,"nodePort":70000}""", "[0].nodePort: Invalid value: 70000: " + Range)]
    public void Ports_of_Services(string ports, string? refusal) =>
        Problems("Service", $$$"""{"spec":{"type":"ClusterIP","ports":[{{{ports}}}]}}""")
            .Should()
            .Equal(Expected(refusal is null ? null : $"spec.ports{refusal}"));

    [TestCase(
        """{"immutable":true,"data":{"a":"Yg=="}}""",
        """{"immutable":true,"data":{"a":"Yg=="},"metadata":{"labels":{"a":"b"}}}""",
        true
    )]
    [TestCase("""{"immutable":true,"data":{"a":"Yg=="}}""", """{"immutable":true,"data":{"a":"Yw=="}}""", false)]
    [TestCase("""{"immutable":true,"data":{"a":"Yg=="}}""", """{"immutable":true}""", false)]
    [TestCase("""{"immutable":true,"data":{"a":"Yg=="}}""", """{"data":{"a":"Yg=="}}""", false)]
    [TestCase("""{"immutable":true,"binaryData":{"a":"Yg=="}}""", """{"immutable":true,"binaryData":{"a":"Yw=="}}""", false)]
    [TestCase("""{"data":{"a":"Yg=="}}""", """{"immutable":true,"data":{"a":"Yw=="}}""", true)]
    public void What_is_immutable_stays(string old, string changed, bool isAllowed)
    {
        foreach (var kind in (string[])["ConfigMap", "Secret"])
        {
            var problems = Problems(kind, changed, old);
            if (isAllowed)
                problems.Should().BeEmpty();
            else
                problems.Should().ContainSingle().Which.Should().EndWith("Forbidden: field is immutable when `immutable` is set");
        }
    }

    [TestCase(
        """[{"resourceName":"cpu","restartPolicy":"NotRequired"},{"resourceName":"memory","restartPolicy":"RestartContainer"}]""",
        null
    )]
    [TestCase(
        """[{"resourceName":"cpu","restartPolicy":"Restart"}]""",
        ": Unsupported value: \"Restart\": supported values: \"NotRequired\", \"RestartContainer\""
    )]
    [TestCase(
        """[{"resourceName":"disk","restartPolicy":"NotRequired"}]""",
        ": Unsupported value: \"disk\": supported values: \"cpu\", \"memory\""
    )]
    [TestCase("""[{"restartPolicy":"NotRequired"}]""", ": Required value")]
    [TestCase("""[{"resourceName":"cpu"}]""", ": Required value")]
    [TestCase(
        """[{"resourceName":"cpu","restartPolicy":"NotRequired"},{"resourceName":"cpu","restartPolicy":"NotRequired"}]""",
        "[1]: Duplicate value: \"cpu\""
    )]
    public void Resize_policies(string policies, string? refusal) =>
        Problems(Container($$"""{{Main}},"resizePolicy":{{policies}}"""))
            .Should()
            .Equal(Expected(refusal is null ? null : $"spec.containers[0].resizePolicy{refusal}"));

    [Test]
    public void A_container_that_is_never_restarted_has_no_policy_that_restarts_it()
    {
        const string policy = "\"resizePolicy\":[{\"resourceName\":\"cpu\",\"restartPolicy\":\"RestartContainer\"}]";
        Problems($$"""{"restartPolicy":"Never","containers":[{{{Main}},{{policy}}}]}""")
            .Should()
            .Equal(
                "spec.containers[0].resizePolicy: Invalid value: \"RestartContainer\": must be 'NotRequired' when `restartPolicy` is 'Never'"
            );
        Problems($$"""{"containers":[{{{Main}}}],"initContainers":[{"name":"init","image":"i",{{policy}}}]}""")
            .Should()
            .ContainSingle()
            .Which.Should()
            .StartWith("spec.initContainers[0].resizePolicy: Invalid value: ")
            .And.EndWith("must not be set for init containers");
        Problems($$"""{"containers":[{{{Main}}}],"initContainers":[{"name":"init","image":"i","restartPolicy":"Always",{{policy}}}]}""")
            .Should()
            .BeEmpty();
    }

    [TestCase("0", true)]
    [TestCase("-2147483648", true)]
    [TestCase("2147483647", true)]
    [TestCase("2147483648", false)]
    [TestCase("+1", false)]
    [TestCase("01", false)]
    [TestCase("-", false)]
    [TestCase("", false)]
    [TestCase("cheap", false)]
    public void A_deletion_cost_is_an_integer(string cost, bool isValid)
    {
        var metadata = $$$"""{"annotations":{"controller.kubernetes.io/pod-deletion-cost":"{{{cost}}}"}}""";
        var spec = Container(Main);
        var refusal =
            $"metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"{cost}\": must be a 32bit integer";
        Problems("Pod", $$"""{"metadata":{{metadata}},"spec":{{spec}}}""").Should().Equal(Expected(isValid ? null : refusal));
        Problems("Pod", $$"""{"metadata":{{metadata}},"spec":{{spec}}}""", $$"""{"metadata":{{metadata}},"spec":{{spec}}}""")
            .Should()
            .BeEmpty("a stored pod may be updated");
        Problems("ReplicaSet", $$$"""{"spec":{"selector":{},"template":{"metadata":{{{metadata}}},"spec":{{{spec}}} } } }""")
            .Should()
            .Equal(Expected(isValid ? null : $"spec.template.{refusal}"));
    }

    private static string[] Expected(string? refusal) => refusal is null ? [] : [refusal];

    private static string Container(string fields) => $$"""{"containers":[{{{fields}}}]}""";

    private static IReadOnlyList<string> Problems(string spec) => Problems("Pod", $$"""{"spec":{{spec}}}""");

    private static IReadOnlyList<string> Problems(string kind, string document, string? old = null)
    {
        var errors = new List<FieldError>();
        BuiltInValidation.Check(Kinds[kind], Parse(document), old is null ? null : Parse(old), errors);
        return [.. errors.Select(error => error.ToString())];

        JsonObject Parse(string text)
        {
            var parsed = JsonNode.Parse(text)!.AsObject();
            parsed["kind"] = kind;
            return parsed;
        }
    }
}
