using System.Text.Json.Nodes;
using Serving.Api.Core;
using Serving.Api.Knative;

namespace Serving.Api.Schema;

internal static partial class FieldRules
{
    private const string Capability = "The name of a Linux capability, such as NET_BIND_SERVICE; ALL stands for every one.";

    private static Dictionary<Type, Dictionary<string, FieldRule>> Pods() =>
        new()
        {
            [typeof(RevisionTemplateSpec)] = new()
            {
                ["metadata"] = new FieldRule("Metadata of the Revision: its name (else it is generated), labels and annotations.")
                {
                    Shape = TemplateMetadata,
                },
                ["spec"] = "The specification of the Revision.",
            },
            [typeof(RevisionSpec)] = new()
            {
                ["affinity"] = FieldRule.Flag("kubernetes.podspec-affinity"),
                ["automountServiceAccountToken"] = "Whether a token of the service account is mounted into the containers.",
                ["containerConcurrency"] =
                    "Maximum number of concurrent requests per pod. 0, the default, means no limit: the autoscaler then uses its own target. The upper bound is container-concurrency-max-limit in config-defaults.",
                ["containers"] = "The containers of the pod. Exactly one of them may have a port: the serving container.",
                ["dnsConfig"] = FieldRule.Flag("kubernetes.podspec-dnsconfig"),
                ["dnsPolicy"] = FieldRule.Flag("kubernetes.podspec-dnspolicy"),
                ["enableServiceLinks"] =
                    "Whether the Services of the namespace appear as environment variables. Knative defaults this to false.",
                ["hostAliases"] = FieldRule.Flag("kubernetes.podspec-hostaliases"),
                ["hostIPC"] = FieldRule.Flag("kubernetes.podspec-hostipc"),
                ["hostNetwork"] = FieldRule.Flag("kubernetes.podspec-hostnetwork"),
                ["hostPID"] = FieldRule.Flag("kubernetes.podspec-hostpid"),
                ["idleTimeoutSeconds"] =
                    "Seconds without a byte from the program after which a response is aborted. 0 or absent means no limit.",
                ["imagePullSecrets"] = new FieldRule("Secrets in the same namespace for pulling the images.") { MapKey = "name" },
                ["initContainers"] = FieldRule.Flag("kubernetes.podspec-init-containers"),
                ["nodeSelector"] = FieldRule.Flag("kubernetes.podspec-nodeselector") with { IsAtomic = true },
                ["priorityClassName"] = FieldRule.Flag("kubernetes.podspec-priorityclassname"),
                ["responseStartTimeoutSeconds"] = "Seconds within which the response to a request must begin.",
                ["runtimeClassName"] = FieldRule.Flag("kubernetes.podspec-runtimeclassname"),
                ["schedulerName"] = FieldRule.Flag("kubernetes.podspec-schedulername"),
                ["securityContext"] = FieldRule.Flag("kubernetes.podspec-securitycontext"),
                ["serviceAccountName"] = "The service account that the pod runs as.",
                ["shareProcessNamespace"] = FieldRule.Flag("kubernetes.podspec-shareprocessnamespace"),
                ["timeoutSeconds"] =
                    "Seconds within which the response must be complete. The default (revision-timeout-seconds) and the maximum (max-revision-timeout-seconds) are in config-defaults.",
                ["tolerations"] = FieldRule.Flag("kubernetes.podspec-tolerations"),
                ["topologySpreadConstraints"] = FieldRule.Flag("kubernetes.podspec-topologyspreadconstraints"),
                ["volumes"] = new FieldRule("Volumes that the containers of the pod can mount.") { MapKey = "name" },
            },
            [typeof(Container)] = new()
            {
                ["args"] = new FieldRule(
                    "Arguments of the entrypoint; the image's CMD when absent. $(VAR_NAME) is replaced by the container's environment."
                )
                {
                    IsAtomic = true,
                },
                ["command"] = new FieldRule(
                    "The entrypoint, not run in a shell; the image's ENTRYPOINT when absent. $(VAR_NAME) is replaced by the container's environment."
                )
                {
                    IsAtomic = true,
                },
                ["env"] = new FieldRule("Environment variables of the container.") { MapKey = "name" },
                ["envFrom"] = new FieldRule("ConfigMaps and Secrets all of whose keys become environment variables. env overrides these.")
                {
                    IsAtomic = true,
                },
                ["image"] = "The name of the container image. A tag is resolved to a digest when the Revision is created.",
                ["imagePullPolicy"] = "When the image is pulled: Always, Never or IfNotPresent.",
                ["livenessProbe"] = "A periodic check; the container is restarted when it fails.",
                ["name"] = "The name of the container, a DNS label that is unique in the pod. Defaulted when absent.",
                ["ports"] =
                    "The port that the container listens on. At most one, in at most one container; defaults to 8080, which the program finds in $PORT.",
                ["readinessProbe"] =
                    "A periodic check; the pod gets no requests while it fails. Defaults to opening a TCP connection to the container's port.",
                ["resources"] = "Compute resource requests and limits of the container.",
                ["securityContext"] = "Security options of the container.",
                ["startupProbe"] = "A check that must succeed once before the other probes begin.",
                ["terminationMessagePath"] = "The file that contains the termination message of the container.",
                ["terminationMessagePolicy"] = "How the termination message is obtained: File, or FallbackToLogsOnError.",
                ["volumeMounts"] = new FieldRule("Volumes to mount into the container's file system.") { MapKey = "mountPath" },
                ["workingDir"] = "The working directory of the program; the image's when absent.",
            },
            [typeof(ContainerPort)] = new()
            {
                ["containerPort"] = new FieldRule("The number of the port, 1 to 65535.") { IsOptional = true },
                ["name"] = "The protocol that the program speaks on the port: http1 (the default when empty) or h2c.",
                ["protocol"] = new FieldRule("The transport protocol. Must be TCP.") { Default = "TCP" },
            },
            [typeof(EnvVar)] = new()
            {
                ["name"] = "The name of the variable.",
                ["value"] = "The value. $(VAR_NAME) is replaced by variables defined before; $$ is a literal $.",
                ["valueFrom"] = "The source of the value. Must not be set when value is.",
            },
            [typeof(EnvVarSource)] = new()
            {
                ["configMapKeyRef"] = new FieldRule("A key of a ConfigMap.") { IsAtomic = true },
                ["fieldRef"] = FieldRule.Flag("kubernetes.podspec-fieldref") with { IsAtomic = true },
                ["resourceFieldRef"] = FieldRule.Flag("kubernetes.podspec-fieldref") with { IsAtomic = true },
                ["secretKeyRef"] = new FieldRule("A key of a Secret.") { IsAtomic = true },
            },
            [typeof(KeySelector)] = new()
            {
                ["key"] = "The key to use.",
                ["name"] = new FieldRule("The name of the object in the same namespace.") { Default = "" },
                ["optional"] = "Whether the object or its key may be missing.",
            },
            [typeof(EnvFromSource)] = new()
            {
                ["configMapRef"] = new FieldRule("The ConfigMap to use.") { IsAtomic = true },
                ["prefix"] = "Prefix of the name of each variable.",
                ["secretRef"] = new FieldRule("The Secret to use.") { IsAtomic = true },
            },
            [typeof(EnvFromReference)] = new()
            {
                ["name"] = new FieldRule("The name of the object in the same namespace.") { Default = "" },
                ["optional"] = "Whether the object may be missing.",
            },
            [typeof(ResourceRequirements)] = new()
            {
                ["limits"] = "Maximum amounts for the container, by resource (cpu, memory, ephemeral-storage …).",
                ["requests"] = "Amounts reserved for the container, by resource (cpu, memory, ephemeral-storage …).",
            },
            [typeof(SecurityContext)] = new()
            {
                ["allowPrivilegeEscalation"] = "Whether a process may gain more privileges than its parent.",
                ["capabilities"] = "Linux capabilities to add or drop.",
                ["privileged"] = "Whether the container is privileged. This can only be set to false.",
                ["readOnlyRootFilesystem"] = "Whether the root file system is read-only.",
                ["runAsGroup"] = "The group id that the program runs as; the image's when absent.",
                ["runAsNonRoot"] = "Whether the container must run as a user other than root.",
                ["runAsUser"] = "The user id that the program runs as; the image's when absent.",
                ["seccompProfile"] = "The seccomp profile of the container.",
            },
            [typeof(Capabilities)] = new()
            {
                ["add"] = new FieldRule("This is accessible behind a feature flag - kubernetes.containerspec-addcapabilities")
                {
                    IsAtomic = true,
                    Entry = Capability,
                },
                ["drop"] = new FieldRule("Capabilities to remove.") { IsAtomic = true, Entry = Capability },
            },
            [typeof(SeccompProfile)] = new()
            {
                ["localhostProfile"] = "The profile's file on the node; only for type Localhost.",
                ["type"] = "Localhost, RuntimeDefault or Unconfined.",
            },
            [typeof(LocalObjectReference)] = new() { ["name"] = new FieldRule("The name of the object.") { Default = "" } },
        };

    private static JsonObject TemplateMetadata()
    {
        static JsonObject Text(string? description = null) => Described(description, new() { ["type"] = "string" });
        static JsonObject Map(string description) =>
            Described(description, new() { ["type"] = "object", ["additionalProperties"] = Text() });
        static JsonObject Described(string? description, JsonObject schema)
        {
            if (description is not null)
            {
                schema.Insert(0, "description", description);
            }

            return schema;
        }

        return new()
        {
            ["type"] = "object",
            ["properties"] = new JsonObject
            {
                ["annotations"] = Map("Settings of the Revision, such as those of its autoscaler."),
                ["finalizers"] = Described("Finalizers of the Revision.", new() { ["type"] = "array", ["items"] = Text() }),
                ["labels"] = Map("Labels of the Revision and of its pods."),
                ["name"] = Text(
                    "The name of the Revision, which starts with the name of its parent and a dash. It is generated when absent."
                ),
                ["namespace"] = Text("Has no effect. A Revision is always in the namespace of its parent."),
            },
            ["x-kubernetes-preserve-unknown-fields"] = true,
        };
    }
}
