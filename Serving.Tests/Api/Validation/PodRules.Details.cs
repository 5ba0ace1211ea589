using Serving.Api.Config;

namespace Serving.Tests.Api.Validation;

/// <summary>Rules about probes, volumes and security.</summary>
internal static partial class PodRules
{
    private static FeaturesConfig SideProbes => new() { MultiContainer = On, MultiContainerProbing = On };

    private static IEnumerable<PodRule> Probes =>
        [
            .. Each("livenessProbe", "{\"tcpSocket\":{}}"),
            .. Each("readinessProbe", "{\"httpGet\":{\"path\":\"/\",\"port\":80}}"),
            .. Each("startupProbe", "{\"exec\":{\"command\":[\"ls\"]}}"),
            .. Each("livenessProbe", "{\"grpc\":{\"port\":80}}"),
            .. Each("readinessProbe", "{\"grpc\":{\"port\":80,\"service\":\"s\"}}"),
            .. Each("livenessProbe", "{\"httpGet\":{\"port\":9999}}"),
            .. Each("readinessProbe", "{\"tcpSocket\":{\"port\":\"http\"}}"),
            .. Each(
                "livenessProbe",
                "{}",
                "expected exactly one, got neither: #.livenessProbe.exec, #.livenessProbe.grpc, #.livenessProbe.httpGet, #.livenessProbe.tcpSocket"
            ),
            .. Each(
                "startupProbe",
                "{\"exec\":{},\"grpc\":{\"port\":1}}",
                "expected exactly one, got both: #.startupProbe.exec, #.startupProbe.gRPC"
            ),
            .. Each(
                "livenessProbe",
                "{\"httpGet\":{\"port\":\"imap\"}}",
                "invalid value: imap: #.livenessProbe.httpGet.port\nProbe port must match container port"
            ),
            .. Each(
                "livenessProbe",
                "{\"httpGet\":{\"port\":\"imap\"},\"tcpSocket\":{}}",
                "expected exactly one, got both: #.livenessProbe.httpGet, #.livenessProbe.tcpSocket\n"
                    + "invalid value: imap: #.livenessProbe.tcpSocket.httpGet.port\nProbe port must match container port"
            ),
            .. Each(
                "readinessProbe",
                "{\"tcpSocket\":{},\"failureThreshold\":1}",
                "failureThreshold is disallowed when periodSeconds is zero: #.readinessProbe.failureThreshold"
            ),
            .. Each(
                "readinessProbe",
                "{\"tcpSocket\":{},\"timeoutSeconds\":1}",
                "timeoutSeconds is disallowed when periodSeconds is zero: #.readinessProbe.timeoutSeconds"
            ),
            .. Each(
                "readinessProbe",
                "{\"tcpSocket\":{},\"periodSeconds\":-1,\"timeoutSeconds\":-2,\"successThreshold\":-3,\"failureThreshold\":-4,\"initialDelaySeconds\":-5}",
                "expected 0 <= -1 <= 2147483647: #.readinessProbe.periodSeconds\nexpected 0 <= -5 <= 2147483647: #.readinessProbe.initialDelaySeconds\n"
                    + "expected 1 <= -2 <= 2147483647: #.readinessProbe.timeoutSeconds\nexpected 1 <= -3 <= 2147483647: #.readinessProbe.successThreshold\n"
                    + "expected 1 <= -4 <= 2147483647: #.readinessProbe.failureThreshold"
            ),
            .. Each("startupProbe", "{\"grpc\":{}}"),
            .. Each("livenessProbe", "{\"httpGet\":{\"port\":0}}"),
            .. Each("startupProbe", "{\"tcpSocket\":{},\"successThreshold\":1,\"terminationGracePeriodSeconds\":5}"),
            .. Each("startupProbe", "{\"httpGet\":{\"port\":70000}}", "expected 1 <= 70000 <= 65535: #.startupProbe.httpGet.port"),
            .. Each("livenessProbe", "{\"tcpSocket\":{\"port\":-1}}", "expected 1 <= -1 <= 65535: #.livenessProbe.tcpSocket.port"),
            .. Each("readinessProbe", "{\"grpc\":{\"port\":65536}}", "expected 1 <= 65536 <= 65535: #.readinessProbe.grpc.port"),
            .. Each("startupProbe", "{\"tcpSocket\":{},\"successThreshold\":2}", "expected 1 <= 2 <= 1: #.startupProbe.successThreshold"),
            .. Each(
                "livenessProbe",
                "{\"tcpSocket\":{},\"periodSeconds\":-1,\"timeoutSeconds\":-2,\"failureThreshold\":-3,\"initialDelaySeconds\":-4}",
                "expected 0 <= -1 <= 2147483647: #.livenessProbe.periodSeconds\nexpected 0 <= -2 <= 2147483647: #.livenessProbe.timeoutSeconds\n"
                    + "expected 0 <= -3 <= 2147483647: #.livenessProbe.failureThreshold\nexpected 0 <= -4 <= 2147483647: #.livenessProbe.initialDelaySeconds"
            ),
            new(
                "a probe of gRPC beside without a port",
                """{"containers":[{"image":"app","ports":[{"containerPort":81}]},{"image":"side","startupProbe":{"grpc":{}},"readinessProbe":{"grpc":{"port":0}}}]}""",
                "invalid value: 0: ~.containers[1].readinessProbe.grpc.port, ~.containers[1].startupProbe.grpc.port\nProbe port must be specified",
                SideProbes
            ),
            new(
                "a probe beside, feature on",
                """{"containers":[{"image":"app","ports":[{"containerPort":81}]},{"image":"side","livenessProbe":{"tcpSocket":{"port":5}},"readinessProbe":{"httpGet":{"port":"x"}}}]}""",
                "",
                SideProbes
            ),
            new(
                "a probe beside without a port",
                """{"containers":[{"image":"app","ports":[{"containerPort":81}]},{"image":"side","livenessProbe":{"tcpSocket":{}},"readinessProbe":{"httpGet":{}}}]}""",
                "invalid value: 0: ~.containers[1].livenessProbe.tcpSocket.port, ~.containers[1].readinessProbe.httpGet.port\nProbe port must be specified",
                SideProbes
            ),
            new(
                "a probe by the port of another container's name",
                """{"containers":[{"image":"app","ports":[{"containerPort":81,"name":"http1"}],"livenessProbe":{"httpGet":{"port":"http"}}}]}""",
                "invalid value: http: #.livenessProbe.httpGet.port\nProbe port must match container port"
            ),
        ];

    private static IEnumerable<PodRule> Volumes =>
        [
            Mounted("a secret", """{"name":"v","secret":{"secretName":"s","items":[{"key":"k","path":"p"}]}}"""),
            Mounted("a map", """{"name":"v","configMap":{"name":"s","items":[{"key":"k","path":"p"}]}}"""),
            Mounted("an empty directory", """{"name":"v","emptyDir":{"medium":"Memory","sizeLimit":"1Mi"}}"""),
            Mounted(
                "a medium that is none",
                """{"name":"v","emptyDir":{"medium":"Floppy"}}""",
                "invalid value: Floppy: ~.volumes[0].emptyDir.medium"
            ),
            Mounted(
                "a negative size",
                """{"name":"v","emptyDir":{"sizeLimit":"-5Mi"}}""",
                "invalid value: -5Mi: ~.volumes[0].emptyDir.sizeLimit"
            ),
            Mounted(
                "items without key and path",
                """{"name":"v","secret":{"secretName":"s","items":[{}]}}""",
                "missing field(s): ~.volumes[0].items[0].key, ~.volumes[0].items[0].path"
            ),
            Mounted(
                "items of a map without key and path",
                """{"name":"v","configMap":{"name":"s","items":[{}]}}""",
                "missing field(s): ~.volumes[0].items[0].key, ~.volumes[0].items[0].path"
            ),
            Mounted("no name", """{"secret":{"secretName":"s"}}""", "missing field(s): ~.volumes[0].name", mount: ""),
            Mounted("a bad name", """{"name":"@v","secret":{"secretName":"s"}}""", "invalid value: @v: ~.volumes[0].name", mount: "@v"),
            Mounted(
                "several sources",
                """{"name":"v","secret":{},"configMap":{},"projected":{"sources":[{"secret":{"name":"s"}}]}}""",
                "expected exactly one, got both: ~.volumes[0].configMap, ~.volumes[0].projected, ~.volumes[0].secret"
            ),
            Mounted(
                "a source that nothing opens",
                """{"name":"v","secret":{},"nfs":{"server":"s"},"downwardAPI":{}}""",
                "must not set the field(s): ~.volumes[0].downwardAPI, ~.volumes[0].nfs"
            ),
            Mounted(
                "each kind of projection",
                """
                {"name":"v","projected":{"sources":[{"secret":{"name":"s","items":[{"key":"k","path":"p"}]}},{"configMap":{"name":"m"}},{"serviceAccountToken":{"path":"t","audience":"a"}},
                 {"downwardAPI":{"items":[{"path":"p","fieldRef":{"fieldPath":"metadata.name"}}]}}]}}
                """
            ),
            Mounted(
                "a projection of several",
                """{"name":"v","projected":{"sources":[{"secret":{"name":"s"},"configMap":{"name":"m"}}]}}""",
                "expected exactly one, got both: ~.volumes[0].projected[0].configMap, ~.volumes[0].projected[0].secret"
            ),
            Mounted(
                "a projection of nothing",
                """{"name":"v","projected":{"sources":[{}]}}""",
                "expected exactly one, got neither: ~.volumes[0].projected[0].configMap, ~.volumes[0].projected[0].downwardAPI, ~.volumes[0].projected[0].secret, ~.volumes[0].projected[0].serviceAccountToken"
            ),
            Mounted(
                "projections without names",
                """{"name":"v","projected":{"sources":[{"secret":{}},{"configMap":{"items":[{}]}},{"serviceAccountToken":{}}]}}""",
                "missing field(s): ~.volumes[0].projected[0].secret.name, ~.volumes[0].projected[1].configMap.items[0].key, ~.volumes[0].projected[1].configMap.items[0].path, "
                    + "~.volumes[0].projected[1].configMap.name, ~.volumes[0].projected[2].serviceAccountToken.path"
            ),
            Mounted(
                "a field of the pod without anything",
                """{"name":"v","projected":{"sources":[{"downwardAPI":{"items":[{}]}}]}}""",
                "expected exactly one, got neither: ~.volumes[0].projected[0].downwardAPI.items[0].fieldRef, ~.volumes[0].projected[0].downwardAPI.items[0].resourceFieldRef\n"
                    + "missing field(s): ~.volumes[0].projected[0].downwardAPI.items[0].path"
            ),
            Mounted(
                "a field of the pod from both",
                """{"name":"v","projected":{"sources":[{"downwardAPI":{"items":[{"path":"p","fieldRef":{"fieldPath":"a"},"resourceFieldRef":{"resource":"b"}}]}}]}}""",
                "Within a single item, cannot set both: ~.volumes[0].projected[0].downwardAPI.items[0].fieldRef, ~.volumes[0].projected[0].downwardAPI.items[0].resourceFieldRef"
            ),
            .. Closed("HostPath", "hostPath", """{"path":"/a"}""", f => new() { PodSpecVolumesHostPath = f }),
            .. Closed("CSI", "csi", """{"driver":"d"}""", f => new() { PodSpecVolumesCSI = f }),
            .. Closed("Ephemeral", "ephemeral", "{}", f => new() { PodSpecVolumesEphemeral = f }),
            .. Closed("Image", "image", """{"reference":"a"}""", f => new() { PodSpecVolumesImage = f }),
            Mounted(
                "an empty directory, feature off",
                """{"name":"v","emptyDir":{}}""",
                "EmptyDir volume support is disabled, but found EmptyDir volume v: \nmust not set the field(s): ~.volumes[0].emptyDir",
                new() { PodSpecVolumesEmptyDir = FeatureFlag.Disabled }
            ),
            Mounted(
                "an image without a reference and a policy that is none",
                """{"name":"v","image":{"pullPolicy":"Sometimes","x":1}}""",
                "invalid value: Sometimes: ~.volumes[0].image.pullPolicy\nmissing field(s): ~.volumes[0].image.reference",
                new() { PodSpecVolumesImage = On }
            ),
            Mounted(
                "a claim, feature off",
                """{"name":"v","persistentVolumeClaim":{"claimName":"c","readOnly":true}}""",
                "Persistent volume claim support is disabled, but found persistent volume claim c: \nmust not set the field(s): ~.volumes[0].persistentVolumeClaim",
                readOnly: true
            ),
            Mounted(
                "a claim that is written, feature off",
                """{"name":"v","persistentVolumeClaim":{"claimName":"c"}}""",
                "Persistent volume write support is disabled, but found persistent volume claim c that is not read-only: ",
                new() { PodSpecPersistentVolumeClaim = On }
            ),
            Mounted(
                "a claim that is written",
                """{"name":"v","persistentVolumeClaim":{"claimName":"c"}}""",
                "",
                new() { PodSpecPersistentVolumeClaim = On, PodSpecPersistentVolumeWrite = On }
            ),
            Mounted(
                "a claim that is read",
                """{"name":"v","persistentVolumeClaim":{"claimName":"c","readOnly":true}}""",
                "",
                new() { PodSpecPersistentVolumeClaim = On },
                readOnly: true
            ),
            Mounted(
                "a claim that is read, mounted to be written",
                """{"name":"v","persistentVolumeClaim":{"claimName":"c","readOnly":true}}""",
                "volume is readOnly but volume mount is not: #.volumeMounts[0].readOnly",
                new() { PodSpecPersistentVolumeClaim = On }
            ),
            new(
                "two volumes of one name",
                """{"containers":[{"image":"app","volumeMounts":[{"name":"v","mountPath":"/a"}]}],"volumes":[{"name":"v","secret":{}},{"name":"v","configMap":{}}]}""",
                "duplicate volume name \"v\": ~.volumes[1].name"
            ),
            new(
                "a path twice",
                """{"containers":[{"image":"app","volumeMounts":[{"name":"v","mountPath":"/a"},{"name":"v","mountPath":"/a/../a/"}]}],"volumes":[{"name":"v","secret":{}}]}""",
                "invalid value: \"/a/../a/\" must be unique: #.volumeMounts[1].mountPath"
            ),
            new(
                "no path",
                """{"containers":[{"image":"app","volumeMounts":[{"name":"v"}]}],"volumes":[{"name":"v","secret":{}}]}""",
                "missing field(s): #.volumeMounts[0].mountPath"
            ),
            new(
                "a reserved path",
                """{"containers":[{"image":"app","volumeMounts":[{"name":"v","mountPath":"/a/.."}]}],"volumes":[{"name":"v","secret":{}}]}""",
                "mountPath \"/\" is a reserved path: #.volumeMounts[0].mountPath"
            ),
            new(
                "closed fields of a mount",
                """{"containers":[{"image":"app","volumeMounts":[{"name":"v","mountPath":"/a","subPath":"s","subPathExpr":"$(A)","recursiveReadOnly":"Enabled"}]}],"volumes":[{"name":"v","secret":{}}]}""",
                "must not set the field(s): #.volumeMounts[0].recursiveReadOnly, #.volumeMounts[0].subPathExpr"
            ),
            new(
                "propagation, feature off",
                """{"containers":[{"image":"app","volumeMounts":[{"name":"v","mountPath":"/a","mountPropagation":"None"}]}],"volumes":[{"name":"v","secret":{}}]}""",
                "Volume Mount Propagation support is disabled, but found volume mount v with mount propagation: \nmust not set the field(s): #.volumeMounts[0].mountPropagation"
            ),
            new(
                "propagation",
                """{"containers":[{"image":"app","volumeMounts":[{"name":"v","mountPath":"/a","mountPropagation":"HostToContainer"}]}],"volumes":[{"name":"v","secret":{}}]}""",
                "",
                new() { PodSpecVolumesMountPropagation = On }
            ),
            new(
                "propagation both ways",
                """{"containers":[{"image":"app","volumeMounts":[{"name":"v","mountPath":"/a","mountPropagation":"Bidirectional"}]}],"volumes":[{"name":"v","secret":{}}]}""",
                "mount propagation should be set to None or HostToContainer: #.volumeMounts[0].mountPropagation",
                new() { PodSpecVolumesMountPropagation = On }
            ),
            new(
                "mounted by an init container alone",
                """{"initContainers":[{"image":"setup","volumeMounts":[{"name":"v","mountPath":"/a","readOnly":true}]}],"containers":[{"image":"app"}],"volumes":[{"name":"v","secret":{}}]}""",
                "",
                Init
            ),
        ];

    private static IEnumerable<PodRule> Security =>
        [
            new(
                "a container's context",
                """{"containers":[{"image":"app","securityContext":{"runAsUser":1,"runAsGroup":1,"runAsNonRoot":true,"readOnlyRootFilesystem":true,"allowPrivilegeEscalation":false,"privileged":false,"capabilities":{"drop":["ALL"]},"seccompProfile":{"type":"RuntimeDefault"}}}]}"""
            ),
            new(
                "closed fields of it",
                """{"containers":[{"image":"app","securityContext":{"privileged":true,"procMount":"Default","seLinuxOptions":{"level":"s0"},"windowsOptions":{"hostProcess":false}}}]}""",
                "must not set the field(s): #.securityContext.privileged, #.securityContext.procMount, #.securityContext.seLinuxOptions, #.securityContext.windowsOptions"
            ),
            new(
                "ids out of bounds",
                """{"containers":[{"image":"app","securityContext":{"runAsUser":2147483648,"runAsGroup":-1}}]}""",
                "expected 0 <= -1 <= 2147483647: #.securityContext.runAsGroup\nexpected 0 <= 2147483648 <= 2147483647: #.securityContext.runAsUser"
            ),
            new(
                "an added capability",
                """{"containers":[{"image":"app","securityContext":{"capabilities":{"add":["NET_BIND_SERVICE"]}}}]}""",
                "must not set the field(s): #.securityContext.capabilities.add"
            ),
            new(
                "an added capability, feature on",
                """{"containers":[{"image":"app","securityContext":{"capabilities":{"add":["SYS_ADMIN"]}}}]}""",
                "",
                new() { ContainerSpecAddCapabilities = On }
            ),
            new(
                "low ports with secure defaults",
                """{"containers":[{"image":"app","securityContext":{"capabilities":{"add":["NET_BIND_SERVICE"]}}}]}""",
                "",
                new() { SecurePodDefaults = SecurePodDefaults.Enabled }
            ),
            new(
                "another capability with secure defaults",
                """{"containers":[{"image":"app","securityContext":{"capabilities":{"add":["NET_BIND_SERVICE","CHOWN"]}}}]}""",
                "must not set the field(s): #.securityContext.capabilities.add",
                new() { SecurePodDefaults = SecurePodDefaults.AllowRootBounded }
            ),
            new(
                "the pod's context",
                """{"containers":[{"image":"app"}],"securityContext":{"runAsUser":1}}""",
                "must not set the field(s): ~.securityContext, ~.securityContext.runAsUser"
            ),
            new(
                "the pod's context, feature on",
                """{"containers":[{"image":"app"}],"securityContext":{"runAsUser":1,"runAsGroup":1,"runAsNonRoot":true,"fsGroup":1,"supplementalGroups":[1],"seccompProfile":{"type":"RuntimeDefault"}}}""",
                "",
                new() { PodSpecSecurityContext = On }
            ),
            new(
                "closed fields of the pod's context",
                """{"containers":[{"image":"app"}],"securityContext":{"sysctls":[{"name":"a"}],"fsGroupChangePolicy":"Always","seLinuxOptions":{"level":"a"},"windowsOptions":{"gmsaCredentialSpec":"a"}}}""",
                "must not set the field(s): ~.securityContext.fsGroupChangePolicy, ~.securityContext.seLinuxOptions, ~.securityContext.sysctls, ~.securityContext.windowsOptions",
                new() { PodSpecSecurityContext = On }
            ),
            new(
                "ids of the pod out of bounds",
                """{"containers":[{"image":"app"}],"securityContext":{"runAsUser":-1,"runAsGroup":-2,"fsGroup":2147483648,"supplementalGroups":[0,-3]}}""",
                "expected 0 <= -1 <= 2147483647: ~.securityContext.runAsUser\nexpected 0 <= -2 <= 2147483647: ~.securityContext.runAsGroup\n"
                    + "expected 0 <= -3 <= 2147483647: ~.securityContext.supplementalGroups[1]\nexpected 0 <= 2147483648 <= 2147483647: ~.securityContext.fsGroup",
                new() { PodSpecSecurityContext = On }
            ),
            new(
                "opting out of secure defaults",
                """{"containers":[{"image":"app"}],"securityContext":{"seccompProfile":{"type":"Unconfined"}}}""",
                "",
                new() { SecurePodDefaults = SecurePodDefaults.Enabled }
            ),
            new(
                "a profile of one's own with secure defaults",
                """{"containers":[{"image":"app"}],"securityContext":{"seccompProfile":{"type":"Localhost"},"runAsNonRoot":true}}""",
                "must not set the field(s): ~.securityContext.runAsNonRoot, ~.securityContext.seccompProfile",
                new() { SecurePodDefaults = SecurePodDefaults.Enabled }
            ),
        ];

    private static IEnumerable<PodRule> Each(string probe, string json, string expected = "") =>
        [new($"{probe} {json}", $$"""{"containers":[{"image":"app","{{probe}}":{{json}} }]}""", expected)];

    private static PodRule Mounted(
        string name,
        string volume,
        string expected = "",
        FeaturesConfig? features = null,
        string mount = "v",
        bool readOnly = false
    ) =>
        new(
            name,
            $$"""{"containers":[{"image":"app","volumeMounts":[{"name":"{{mount}}","mountPath":"/data"{{(readOnly ? ",\"readOnly\":true" : "")}} }]}],"volumes":[{{volume}}]}""",
            expected,
            features
        );

    private static IEnumerable<PodRule> Closed(string title, string field, string source, Func<FeatureFlag, FeaturesConfig> feature)
    {
        var volume = $$"""{"name":"v","{{field}}":{{source}} }""";
        yield return Mounted(
            $"{title}, feature off",
            volume,
            $"{title} volume support is disabled, but found {title} volume v: \nmust not set the field(s): ~.volumes[0].{field}"
        );
        yield return Mounted(
            $"{title}, feature allowed",
            volume,
            $"{title} volume support is disabled, but found {title} volume v: ",
            feature(FeatureFlag.Allowed)
        );
        yield return Mounted(title, volume, "", feature(On));
        string[] sources =
        [
            .. new[] { "configMap", "emptyDir", "projected", "secret" }
                .Append(field)
                .Select(s => $"~.volumes[0].{s}")
                .Order(StringComparer.Ordinal),
        ];
        yield return Mounted(
            $"{title} can be the source",
            """{"name":"v"}""",
            $"expected exactly one, got neither: {string.Join(", ", sources)}",
            feature(On)
        );
    }
}
