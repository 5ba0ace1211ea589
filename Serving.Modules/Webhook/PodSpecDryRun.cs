using System.Globalization;
using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Client;

namespace Serving.Webhook;

/// <summary>
/// For dry-run requests (<c>--dry-run=server</c>), creates the pod as a dry run, so that what Kubernetes would reject is known before
/// anything is created.
/// </summary>
internal static class PodSpecDryRun
{
    private const string GenerateName = "dry-run-validation";
    private const string Unsupported = "does not support dry run";

    /// <summary>Why the request is rejected; null when it is allowed or does not concern a pod spec.</summary>
    public static async ValueTask<string?> CheckAsync(AdmissionRequest request, IKubernetesClient client, CancellationToken cancellation)
    {
        if (
            !request.DryRun
            || request.Object is not { } value
            || request.Subresource.Length > 0
            || request.Operation is not (AdmissionOperations.Create or AdmissionOperations.Update)
            || TemplateOf(request.Kind, value) is not { } spec
        )
        {
            return null;
        }

        try
        {
            await client.CreateAsync(Resources.Pods, PodOf(spec, request.Namespace), cancellation, new WriteOptions(DryRun: true));
            return null;
        }
        catch (KubernetesException refused)
        {
            // Another webhook without dry-run support says nothing about the pod.
            return refused.Status.Message.Contains(Unsupported, StringComparison.Ordinal) ? null : Failed(refused.Status.Message);
        }
        catch (HttpRequestException unreachable)
        {
            return Failed(unreachable.Message);
        }
    }

    private static string Failed(string why) => $"validation callback failed: dry run failed with {why}: spec.template";

    private static RevisionSpec? TemplateOf(GroupVersionKind kind, JsonElement value)
    {
        if (kind.Group != ServingKeys.Group)
        {
            return null;
        }

        // A Configuration of a Service was checked with the Service.
        return kind.Kind switch
        {
            "Service" => value.Deserialize(Resources.KnativeServices.Json)?.Spec.Template.Spec,
            "Configuration" => value.Deserialize(Resources.Configurations.Json) is { } configuration
            && configuration.Metadata.Labels.GetValueOrDefault(ServingKeys.Service, "").Length == 0
                ? configuration.Spec.Template.Spec
                : null,
            _ => null,
        };
    }

    private static Pod PodOf(RevisionSpec spec, string ns) =>
        new()
        {
            ApiVersion = "v1",
            Kind = "Pod",
            Metadata = new() { GenerateName = GenerateName, Namespace = ns },
            Spec = PodSpec.Of(spec) with
            {
                Containers =
                [
                    .. spec.Containers.Select(c =>
                        spec.Containers.Count == 1 || c.Ports.Count > 0 ? Serving(c, spec.UserPort()) : Plain(c)
                    ),
                ],
                TerminationGracePeriodSeconds = spec.TimeoutSeconds,
            },
        };

    // The container as in the pod of a Revision. A port named after its protocol and a probe without a port are Knative's own notation,
    // which Kubernetes would reject.
    private static Container Serving(Container container, int port)
    {
        var plain = Plain(container);
        return plain with
        {
            Ports = [new() { Name = RevisionSpecExtensions.UserPortName, Number = port }],
            Env = [.. plain.Env, new() { Name = "PORT", Value = port.ToString(CultureInfo.InvariantCulture) }],
            LivenessProbe = container.LivenessProbe switch
            {
                { HttpGet: { } http } probe => probe with { HttpGet = http with { Port = port } },
                { TcpSocket: { } tcp } probe => probe with { TcpSocket = tcp with { Port = port } },
                var probe => probe,
            },
        };
    }

    private static Container Plain(Container container) =>
        container with
        {
            Env = [.. container.Env, new() { Name = "K_REVISION" }, new() { Name = "K_CONFIGURATION" }, new() { Name = "K_SERVICE" }],
            ReadinessProbe = container.ReadinessProbe is { HttpGet: null, TcpSocket: null, Grpc: null } command ? command : null,
            TerminationMessagePolicy =
                container.TerminationMessagePolicy.Length > 0 ? container.TerminationMessagePolicy : "FallbackToLogsOnError",
            Stdin = null,
            Tty = null,
        };
}
