using System.Globalization;
using System.Text.Json;
using Serving.Api;
using Serving.Api.Caching;
using Serving.Api.Core;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.ImagePulls;

/// <summary>
/// Makes and reads the pod that pulls an image on one node. Its command does not exist in any image, so that nothing of the image runs: the
/// kubelet pulls, creates the container and cannot start it. Pure.
/// </summary>
internal static class PullPod
{
    /// <summary>The label of such pods; its value is the uid of the Image.</summary>
    public const string Label = "caching.serving.dev/image-uid";

    /// <summary>The longest that a pull may take.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromMinutes(10);

    private const string Container = "pull";

    /// <summary>The namespace's policy may be <em>restricted</em>; the container never starts.</summary>
    private static readonly JsonElement PodSecurity = JsonElement.Parse(
        """{"runAsNonRoot":true,"runAsUser":65532,"seccompProfile":{"type":"RuntimeDefault"}}"""
    );

    private static readonly SecurityContext ContainerSecurity = new()
    {
        AllowPrivilegeEscalation = false,
        ReadOnlyRootFilesystem = true,
        Capabilities = new Capabilities { Drop = ["ALL"] },
    };

    /// <summary>The pod for a node.</summary>
    /// <param name="image">The Image, which owns it.</param>
    /// <param name="spec">The specification of the revision's pods.</param>
    /// <param name="node">The name of the node.</param>
    public static Pod Make(Image image, PodSpec spec, string node) =>
        new()
        {
            ApiVersion = ApiResources.Pods.ApiVersion,
            Kind = ApiResources.Pods.Kind,
            Metadata = new ObjectMeta
            {
                Namespace = image.Metadata.Namespace,
                Name = ChildName.Of(image.Metadata.Name, "-" + HashOf(node)),
                Labels = new Dictionary<string, string> { [Label] = image.Metadata.Uid, ["sidecar.istio.io/inject"] = "false" },
                OwnerReferences = [Ownership.ControllerReference(ApiResources.Images, image) with { BlockOwnerDeletion = null }],
            },
            Spec = new PodSpec
            {
                NodeName = node,
                RestartPolicy = "Never",
                ActiveDeadlineSeconds = (long)Deadline.TotalSeconds,
                TerminationGracePeriodSeconds = 0,
                AutomountServiceAccountToken = false,
                EnableServiceLinks = false,
                ServiceAccountName = image.Spec.ServiceAccountName,
                ImagePullSecrets = image.Spec.ImagePullSecrets,
                NodeSelector = spec.NodeSelector,
                Affinity = NodeAffinityOf(spec.Affinity),
                Tolerations = spec.Tolerations,
                SecurityContext = PodSecurity,
                Containers =
                [
                    new Container
                    {
                        Name = Container,
                        Image = image.Spec.Reference,
                        ImagePullPolicy = "IfNotPresent",
                        Command = ["/caching.serving.dev/only-pulled"],
                        SecurityContext = ContainerSecurity,
                        Resources = new ResourceRequirements
                        {
                            Requests = new Dictionary<string, Quantity> { ["cpu"] = "1m", ["memory"] = "16Mi" },
                            Limits = new Dictionary<string, Quantity> { ["cpu"] = "10m", ["memory"] = "16Mi" },
                        },
                    },
                ],
            },
        };

    /// <summary>How far the pull is.</summary>
    public static PullOutcome OutcomeOf(Pod pod, DateTimeOffset now)
    {
        var container = pod.Status?.ContainerStatuses.FirstOrDefault(static one => one.Name == Container);
        var waiting = container?.State?.Waiting;
        return waiting?.Reason switch
        {
            "ImagePullBackOff" or "InvalidImageName" => new PullOutcome(PullState.Failed, $"{waiting.Reason}: {waiting.Message}"),

            // These come after the pull.
            "CreateContainerConfigError" or "CreateContainerError" or "RunContainerError" => new PullOutcome(PullState.Pulled, ""),
            _ when container is { ImageID.Length: > 0 } or { State.Terminated: not null } => new PullOutcome(PullState.Pulled, ""),
            _ when pod.Status?.Phase is "Failed" or "Succeeded" => new PullOutcome(
                PullState.Failed,
                $"{pod.Status.Reason}: {pod.Status.Message}"
            ),
            _ when now - pod.Metadata.CreationTimestamp > Deadline + TimeSpan.FromMinutes(1) => new PullOutcome(
                PullState.Failed,
                "DeadlineExceeded: the node did not report an end"
            ),
            _ => new PullOutcome(PullState.Running, ""),
        };
    }

    private static JsonElement? NodeAffinityOf(JsonElement? affinity) =>
        affinity is { ValueKind: JsonValueKind.Object } all && all.TryGetProperty("nodeAffinity", out var node)
            ? JsonElement.Parse($$"""{"nodeAffinity":{{node.GetRawText()}}}""")
            : null;

    private static string HashOf(string node) => Fnv1a.Hash32(node).ToString("x8", CultureInfo.InvariantCulture);
}
