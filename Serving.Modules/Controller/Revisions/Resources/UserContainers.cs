using System.Globalization;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;

namespace Serving.Controller.Revisions.Resources;

/// <summary>Makes the user's containers of the pod: the sidecar handles readiness and graceful termination.</summary>
internal static class UserContainers
{
    /// <summary>Calls the sidecar, which responds when no request is in flight any more.</summary>
    private static readonly Lifecycle DrainFirst = new()
    {
        PreStop = new LifecycleHandler
        {
            HttpGet = new HttpGetAction { Port = NetworkingKeys.QueueAdminPort, Path = "/wait-for-drain" },
        },
    };

    public static IEnumerable<Container> Make(Revision revision, FeaturesConfig features)
    {
        var containers = revision.Spec.Containers;
        for (var index = 0; index < containers.Count; index++)
        {
            var container =
                containers.Count == 1 || containers[index].Ports.Count > 0
                    ? Serving(containers[index], revision, features)
                    : Plain(containers[index], revision);
            var digest = index < revision.Status.ContainerStatuses.Count ? revision.Status.ContainerStatuses[index].ImageDigest : "";
            yield return digest.Length > 0 ? container with { Image = digest } : container;
        }
    }

    /// <summary>An init container: when it fails, the end of its log becomes its termination message.</summary>
    public static Container Init(Container container) => container with { TerminationMessagePolicy = PolicyOf(container) };

    private static string PolicyOf(Container container) =>
        container.TerminationMessagePolicy.Length > 0 ? container.TerminationMessagePolicy : "FallbackToLogsOnError";

    private static Container Serving(Container container, Revision revision, FeaturesConfig features)
    {
        var port = revision.Spec.UserPort();
        return Named(
            container with
            {
                Ports = [new ContainerPort { Name = RevisionSpecExtensions.UserPortName, Number = port }],
                Env = [.. container.Env, new EnvVar { Name = "PORT", Value = port.ToString(CultureInfo.InvariantCulture) }],
                StartupProbe = ProbePorts.Complete(container.StartupProbe, port),
                LivenessProbe = ProbePorts.CompleteLiveness(
                    container.LivenessProbe,
                    port,
                    features.MultiContainerProbing == FeatureFlag.Enabled
                ),
            },
            revision
        );
    }

    private static Container Plain(Container container, Revision revision) =>
        Named(
            container with
            {
                StartupProbe = ProbePorts.Checked(container.StartupProbe, container.Name, "startupProbe"),
                LivenessProbe = ProbePorts.Checked(container.LivenessProbe, container.Name, "livenessProbe"),
            },
            revision
        );

    private static Container Named(Container container, Revision revision) =>
        container with
        {
            Lifecycle = DrainFirst,
            Env =
            [
                .. container.Env,
                new EnvVar { Name = "K_REVISION", Value = revision.Metadata.Name },
                new EnvVar { Name = "K_CONFIGURATION", Value = revision.Metadata.Labels.Get(ServingKeys.Configuration) },
                new EnvVar { Name = "K_SERVICE", Value = revision.Metadata.Labels.Get(ServingKeys.Service) },
            ],
            Stdin = null,
            Tty = null,
            TerminationMessagePolicy = PolicyOf(container),
            // The sidecar runs network probes itself; only an exec probe must be run by the kubelet.
            ReadinessProbe = container.ReadinessProbe is { HttpGet: null, TcpSocket: null, Grpc: null } probe ? probe : null,
        };
}
