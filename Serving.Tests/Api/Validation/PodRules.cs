using Serving.Api.Config;

namespace Serving.Tests.Api.Validation;

/// <summary>Rules about pods and containers, one per row, valid and invalid.</summary>
internal static partial class PodRules
{
    private const FeatureFlag On = FeatureFlag.Enabled;
    private const string Subdomain =
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character "
        + "(e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

    public static IEnumerable<PodRule> All => [.. Pods, .. Containers, .. Flagged(), .. Probes, .. Volumes, .. Security];

    private static FeaturesConfig Several => new() { MultiContainer = On };

    private static FeaturesConfig Init => new() { PodSpecInitContainers = On };

    private static IEnumerable<PodRule> Pods =>
        [
            new("the least", """{"containers":[{"image":"app"}]}"""),
            new("empty", "{}", "missing field(s): ~.containers"),
            new("no token", """{"containers":[{"image":"app"}],"automountServiceAccountToken":false}"""),
            new("pull secrets", """{"containers":[{"image":"app"}],"imagePullSecrets":[{"name":"registry"}]}"""),
            new("service links", """{"containers":[{"image":"app"}],"enableServiceLinks":true}"""),
            new("a service account", """{"containers":[{"image":"app"}],"serviceAccountName":"team.builder"}"""),
            new(
                "a bad service account",
                """{"containers":[{"image":"app"}],"serviceAccountName":"Team"}""",
                "invalid value: Team: ~.serviceAccountName\n" + Subdomain
            ),
            new(
                "fields of the scheduler and the kubelet",
                """{"containers":[{"image":"app"}],"restartPolicy":"Always","terminationGracePeriodSeconds":5,"activeDeadlineSeconds":9,"nodeName":"n1","hostname":"h","subdomain":"d","priority":3,"readinessGates":[{"conditionType":"x"}]}""",
                "must not set the field(s): ~.activeDeadlineSeconds, ~.hostname, ~.nodeName, ~.priority, ~.readinessGates, ~.restartPolicy, ~.subdomain, ~.terminationGracePeriodSeconds"
            ),
            new("an unlimited concurrency", """{"containers":[{"image":"app"}],"containerConcurrency":0}"""),
            new("the greatest concurrency", """{"containers":[{"image":"app"}],"containerConcurrency":1000}"""),
            new(
                "too great a concurrency",
                """{"containers":[{"image":"app"}],"containerConcurrency":1001}""",
                "expected 0 <= 1001 <= 1000: ~.containerConcurrency"
            ),
            new("the longest time-out", """{"containers":[{"image":"app"}],"timeoutSeconds":600}"""),
            new(
                "too long a time-out",
                """{"containers":[{"image":"app"}],"timeoutSeconds":601}""",
                "expected 0 <= 601 <= 600: ~.timeoutSeconds"
            ),
            new(
                "two containers, one port",
                """{"containers":[{"image":"app","ports":[{"containerPort":8881}]},{"image":"side"}]}""",
                "",
                Several
            ),
            new(
                "two containers, feature off",
                """{"containers":[{"image":"app","ports":[{"containerPort":8881}]},{"image":"side"}]}""",
                "multi-container is off, but found 2 containers: ",
                new() { MultiContainer = FeatureFlag.Disabled }
            ),
            new(
                "two containers, two ports",
                """{"containers":[{"image":"app","ports":[{"containerPort":8881}]},{"image":"side","ports":[{"containerPort":9999}]}]}""",
                "more than one container port is set: ~.containers[*].ports\nOnly a single port is allowed across all containers",
                Several
            ),
            new(
                "two containers of one name",
                """{"containers":[{"name":"a","image":"app","ports":[{"containerPort":8881}]},{"name":"a","image":"side"}]}""",
                "duplicate container name \"a\": ~.containers[1].name",
                Several
            ),
            new(
                "what was found before a name that is taken gets its place too",
                """{"containers":[{"name":"a","ports":[{"containerPort":8881}]},{"name":"a","image":"side"}]}""",
                "duplicate container name \"a\": ~.containers[1].name\nmissing field(s): ~.containers[1].containers[0].image",
                Several
            ),
            new(
                "a probe of a container beside",
                """{"containers":[{"image":"app","ports":[{"containerPort":8881}]},{"image":"side","livenessProbe":{"timeoutSeconds":1,"tcpSocket":{"port":1}},"readinessProbe":{"httpGet":{"port":1}}}]}""",
                "must not set the field(s): ~.containers[1].livenessProbe, ~.containers[1].livenessProbe.timeoutSeconds, ~.containers[1].readinessProbe, ~.containers[1].readinessProbe.successThreshold",
                Several
            ),
            new(
                "PORT of a container beside",
                """{"containers":[{"image":"app","ports":[{"containerPort":8881}]},{"image":"side","env":[{"name":"PORT","value":"1"}]}]}""",
                "",
                Several
            ),
            new(
                "other reserved variables of a container beside",
                """{"containers":[{"image":"app","ports":[{"containerPort":8881}]},{"image":"side","env":[{"name":"K_REVISION","value":"1"}]}]}""",
                "\"K_REVISION\" is a reserved environment variable: ~.containers[1].env[0].name",
                Several
            ),
            new("an init container", """{"initContainers":[{"image":"setup"}],"containers":[{"image":"app"}]}""", "", Init),
            new(
                "an init container with a container's name",
                """{"initContainers":[{"name":"a","image":"setup"}],"containers":[{"name":"a","image":"app"}]}""",
                "duplicate container name \"a\": ~.containers[0].name",
                Init
            ),
            new(
                "an init container with what it cannot have",
                """{"initContainers":[{"image":"setup","lifecycle":{},"livenessProbe":{},"readinessProbe":{},"startupProbe":{}}],"containers":[{"image":"app"}]}""",
                "field not allowed in an init container: #.lifecycle, #.livenessProbe, #.readinessProbe, #.startupProbe\nmust not set the field(s): #.lifecycle",
                Init
            ),
            new(
                "an init container with any number of ports",
                """{"initContainers":[{"image":"setup","ports":[{"containerPort":81,"name":"x"},{"containerPort":82}]}],"containers":[{"image":"app"}]}""",
                "",
                Init
            ),
            new(
                "an init container with a reserved port",
                """{"initContainers":[{"image":"setup","ports":[{"containerPort":8012}]}],"containers":[{"image":"app"}]}""",
                "invalid value: 8012 is a reserved port: #.ports.containerPort\n8012 is a reserved port, please use a different value",
                Init
            ),
        ];

    private static IEnumerable<PodRule> Containers =>
        [
            new(
                "everything open",
                """
                {"containers":[{"name":"c","image":"registry.example/app:1","args":["a"],"command":["/c"],"workingDir":"/","imagePullPolicy":"Always","env":[{"name":"A","value":"b"},{"name":"B","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}],
                 "resources":{"limits":{"cpu":"1"},"requests":{"cpu":"10m"}},"terminationMessagePath":"/t","terminationMessagePolicy":"File","ports":[{"name":"h2c","containerPort":80,"protocol":"TCP"}]}]}
                """
            ),
            new(
                "everything closed",
                """{"containers":[{"image":"app","lifecycle":{},"stdin":true,"stdinOnce":true,"tty":true,"volumeDevices":[{"name":"d"}],"restartPolicy":"Always","resizePolicy":[{"resourceName":"cpu"}]}]}""",
                "must not set the field(s): #.lifecycle, #.resizePolicy, #.restartPolicy, #.stdin, #.stdinOnce, #.tty, #.volumeDevices"
            ),
            new(
                "claims on resources",
                """{"containers":[{"image":"app","resources":{"claims":[{"name":"gpu"}]}}]}""",
                "must not set the field(s): #.resources.claims"
            ),
            new(
                "a digest",
                """{"containers":[{"image":"registry.example/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}]}"""
            ),
            new(
                "a bad image",
                """{"containers":[{"image":"app:a:b"}]}""",
                "Failed to parse image reference: #.image\nimage: \"app:a:b\", error: could not parse reference: app:a:b"
            ),
            new("port name http1", """{"containers":[{"image":"app","ports":[{"name":"http1"}]}]}"""),
            new("port name h2c", """{"containers":[{"image":"app","ports":[{"name":"h2c"}]}]}"""),
            new("no ports", """{"containers":[{"image":"app","ports":[]}]}"""),
            new(
                "an address of the host",
                """{"containers":[{"image":"app","ports":[{"containerPort":80,"hostIP":"127.0.0.1","hostPort":80}]}]}""",
                "must not set the field(s): #.ports.hostIP, #.ports.hostPort"
            ),
            .. new[] { 8008, 8012, 8013, 8022, 9090, 9091 }.Select(port => new PodRule(
                $"the reserved port {port}",
                $$"""{"containers":[{"image":"app","ports":[{"containerPort":{{port}} }]}]}""",
                $"invalid value: {port} is a reserved port: #.ports.containerPort\n{port} is a reserved port, please use a different value"
            )),
            .. new[] { "PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION" }.Select(name => new PodRule(
                $"the reserved variable {name}",
                $$"""{"containers":[{"image":"app","env":[{"name":"{{name}}"}]}]}""",
                $"\"{name}\" is a reserved environment variable: #.env[0].name"
            )),
            new(
                "variables from a map",
                """{"containers":[{"image":"app","envFrom":[{"prefix":"p","configMapRef":{"name":"m"}},{"secretRef":{"name":"s","optional":true}}]}]}"""
            ),
            new(
                "variables from both",
                """{"containers":[{"image":"app","envFrom":[{"configMapRef":{"name":"m"},"secretRef":{"name":"s"}}]}]}""",
                "expected exactly one, got both: #.envFrom.configMapRef, #.envFrom.secretRef"
            ),
            new(
                "variables from neither, then from one: the place of the second is prefixed to what was found in the first",
                """{"containers":[{"image":"app","envFrom":[{"prefix":"p"},{"secretRef":{"name":"s"}}]}]}""",
                "expected exactly one, got neither: #.envFrom.secretRef[1].configMapRef, #.envFrom.secretRef[1].secretRef"
            ),
            new(
                "termination policy",
                """{"containers":[{"image":"app","terminationMessagePolicy":"Both"}]}""",
                "invalid value: Both: #.terminationMessagePolicy"
            ),
        ];

    private static IEnumerable<PodRule> Flagged()
    {
        (string Field, string Json, Func<FeatureFlag, FeaturesConfig> Feature)[] fields =
        [
            ("affinity", """{"nodeAffinity":{}}""", f => new() { PodSpecAffinity = f }),
            ("topologySpreadConstraints", """[{"maxSkew":1}]""", f => new() { PodSpecTopologySpreadConstraints = f }),
            ("hostAliases", """[{"ip":"127.0.0.1"}]""", f => new() { PodSpecHostAliases = f }),
            ("nodeSelector", """{"disk":"ssd"}""", f => new() { PodSpecNodeSelector = f }),
            ("runtimeClassName", "\"gvisor\"", f => new() { PodSpecRuntimeClassName = f }),
            ("tolerations", """[{"key":"k"}]""", f => new() { PodSpecTolerations = f }),
            ("shareProcessNamespace", "true", f => new() { PodSpecShareProcessNamespace = f }),
            ("priorityClassName", "\"high\"", f => new() { PodSpecPriorityClassName = f }),
            ("schedulerName", "\"other\"", f => new() { PodSpecSchedulerName = f }),
            ("dnsPolicy", "\"Default\"", f => new() { PodSpecDNSPolicy = f }),
            ("dnsConfig", """{"nameservers":["1.1.1.1"]}""", f => new() { PodSpecDNSConfig = f }),
            ("hostIPC", "true", f => new() { PodSpecHostIPC = f }),
            ("hostPID", "true", f => new() { PodSpecHostPID = f }),
            ("hostNetwork", "true", f => new() { PodSpecHostNetwork = f }),
        ];
        foreach (var (field, json, feature) in fields)
        {
            var spec = $$"""{"containers":[{"image":"app"}],"{{field}}":{{json}} }""";
            yield return new($"{field} by default", spec, $"must not set the field(s): ~.{field}");
            yield return new($"{field} disabled", spec, $"must not set the field(s): ~.{field}", feature(FeatureFlag.Disabled));
            yield return new($"{field} allowed", spec, "", feature(FeatureFlag.Allowed));
            yield return new($"{field} enabled", spec, "", feature(On));
        }

        foreach (
            var (field, json) in new[]
            {
                ("fieldRef", """{"fieldPath":"metadata.name"}"""),
                ("resourceFieldRef", """{"resource":"limits.cpu"}"""),
            }
        )
        {
            var spec = $$"""{"containers":[{"image":"app","env":[{"name":"A","valueFrom":{"{{field}}":{{json}} } }]}]}""";
            yield return new($"{field} by default", spec, $"must not set the field(s): #.env[0].valueFrom.{field}");
            yield return new($"{field} enabled", spec, "", new() { PodSpecFieldRef = On });
        }
    }
}
