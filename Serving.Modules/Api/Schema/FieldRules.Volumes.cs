using Serving.Api.Core;

namespace Serving.Api.Schema;

internal static partial class FieldRules
{
    private static Dictionary<Type, Dictionary<string, FieldRule>> Probes() =>
        new()
        {
            [typeof(Probe)] = new()
            {
                ["exec"] = "Runs a command in the container; succeeds when it exits with 0.",
                ["failureThreshold"] = "Consecutive failures after which the probe counts as failed. At least 1.",
                ["grpc"] = "Calls the gRPC health service.",
                ["httpGet"] = "Sends an HTTP GET; succeeds with a status from 200 to 399.",
                ["initialDelaySeconds"] = "Seconds after the container's start before the first check.",
                ["periodSeconds"] =
                    "Seconds between checks. 0 on a readiness probe, Knative's default, means as fast as the sidecar can until it first succeeds.",
                ["successThreshold"] = "Consecutive successes after which the probe counts as succeeded. At least 1.",
                ["tcpSocket"] = "Opens a TCP connection.",
                ["timeoutSeconds"] = "Seconds after which a check counts as failed. At least 1.",
            },
            [typeof(ExecAction)] = new() { ["command"] = new FieldRule("The command line, not run in a shell.") { IsAtomic = true } },
            [typeof(HttpGetAction)] = new()
            {
                ["host"] = "The host to connect to; the pod when absent. For a Host header use httpHeaders.",
                ["httpHeaders"] = new FieldRule("Headers of the request.") { IsAtomic = true },
                ["path"] = "The path of the request.",
                ["port"] = "Number or name of the port.",
                ["scheme"] = "HTTP (the default) or HTTPS.",
            },
            [typeof(HttpHeader)] = new() { ["name"] = "The header's name.", ["value"] = "The header's value." },
            [typeof(TcpSocketAction)] = new()
            {
                ["host"] = "The host to connect to; the pod when absent.",
                ["port"] = "Number or name of the port.",
            },
            [typeof(GrpcAction)] = new()
            {
                ["port"] = "Number of the port, 1 to 65535.",
                ["service"] = new FieldRule("The name of the service to check.") { Default = "" },
            },
        };

    private static Dictionary<Type, Dictionary<string, FieldRule>> Volumes() =>
        new()
        {
            [typeof(VolumeMount)] = new()
            {
                ["mountPath"] = "The absolute path in the container. Must not contain ':'.",
                ["mountPropagation"] = FieldRule.Flag("kubernetes.podspec-volumes-mount-propagation"),
                ["name"] = "The name of the volume.",
                ["readOnly"] = "Whether the volume is mounted read-only.",
                ["subPath"] = "A path in the volume to mount instead of its root.",
            },
            [typeof(Volume)] = new()
            {
                ["configMap"] = new FieldRule("The keys of a ConfigMap as files.") { IsAtomic = true },
                ["csi"] = FieldRule.Flag("kubernetes.podspec-volumes-csi"),
                ["emptyDir"] = FieldRule.Flag("kubernetes.podspec-volumes-emptydir"),
                ["ephemeral"] = FieldRule.Flag("kubernetes.podspec-volumes-ephemeral"),
                ["hostPath"] = FieldRule.Flag("kubernetes.podspec-volumes-hostpath"),
                ["image"] = FieldRule.Flag("kubernetes.podspec-volumes-image"),
                ["name"] = "The name of the volume, a DNS label that is unique in the pod.",
                ["persistentVolumeClaim"] = FieldRule.Flag("kubernetes.podspec-persistent-volume-claim"),
                ["projected"] = "Secrets, ConfigMaps, fields of the pod and service account tokens in one directory.",
                ["secret"] = "The keys of a Secret as files.",
            },
            [typeof(ConfigMapVolumeSource)] = new()
            {
                ["defaultMode"] = "Mode bits of the files, 0 to 0777. Defaults to 0644.",
                ["items"] = new FieldRule("The keys to use; all when absent.") { IsAtomic = true },
                ["name"] = new FieldRule("The name of the ConfigMap.") { Default = "" },
                ["optional"] = "Whether the ConfigMap or its keys may be missing.",
            },
            [typeof(SecretVolumeSource)] = new()
            {
                ["defaultMode"] = "Mode bits of the files, 0 to 0777. Defaults to 0644.",
                ["items"] = new FieldRule("The keys to use; all when absent.") { IsAtomic = true },
                ["optional"] = "Whether the Secret or its keys may be missing.",
                ["secretName"] = "The name of the Secret.",
            },
            [typeof(KeyToPath)] = new()
            {
                ["key"] = "The key to use.",
                ["mode"] = "Mode bits of the file, 0 to 0777.",
                ["path"] = "The relative path of the file.",
            },
            [typeof(ProjectedVolumeSource)] = new()
            {
                ["defaultMode"] = "Mode bits of the files, 0 to 0777.",
                ["sources"] = new FieldRule("The sources of the directory.") { IsAtomic = true },
            },
            [typeof(VolumeProjection)] = new()
            {
                ["configMap"] = new FieldRule("Keys of a ConfigMap.") { IsAtomic = true },
                ["downwardAPI"] = "Fields of the pod.",
                ["secret"] = new FieldRule("Keys of a Secret.") { IsAtomic = true },
                ["serviceAccountToken"] = "A token of the pod's service account.",
            },
            [typeof(SecretProjection)] = new()
            {
                ["items"] = new FieldRule("The keys to use; all when absent.") { IsAtomic = true },
                ["name"] = new FieldRule("The name of the object.") { Default = "" },
                ["optional"] = "Whether the object or its keys may be missing.",
            },
            [typeof(ServiceAccountTokenProjection)] = new()
            {
                ["audience"] = "The audience of the token; the API server's identifier when absent.",
                ["expirationSeconds"] = "Seconds that a token is valid. Defaults to an hour, at least 10 minutes.",
                ["path"] = "The relative path of the file.",
            },
            [typeof(DownwardApiProjection)] = new() { ["items"] = new FieldRule("The fields, one file each.") { IsAtomic = true } },
            [typeof(DownwardApiVolumeFile)] = new()
            {
                ["fieldRef"] = new FieldRule("A field of the pod: annotations, labels, name, namespace or uid.") { IsAtomic = true },
                ["mode"] = "Mode bits of the file, 0 to 0777.",
                ["path"] = "The relative path of the file. Must not contain '..'.",
                ["resourceFieldRef"] = new FieldRule("A resource of a container.") { IsAtomic = true },
            },
            [typeof(ObjectFieldSelector)] = new()
            {
                ["apiVersion"] = "The version of the schema that fieldPath is written in. Defaults to v1.",
                ["fieldPath"] = "The path of the field.",
            },
            [typeof(ResourceFieldSelector)] = new()
            {
                ["containerName"] = "The name of the container.",
                ["divisor"] = new FieldRule("The unit of the output. Defaults to 1.")
                {
                    Shape = static () => SchemaBuilder.QuantityShape(),
                },
                ["resource"] = "The resource: limits.cpu, requests.memory …",
            },
        };
}
