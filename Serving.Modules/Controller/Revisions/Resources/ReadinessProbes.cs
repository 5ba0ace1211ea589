using System.Text.Json;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;

namespace Serving.Controller.Revisions.Resources;

/// <summary>Moves readiness probes from the user's containers to the sidecar: the kubelet probes the sidecar, which runs the user's
/// probes.</summary>
internal static class ReadinessProbes
{
    private const string Local = "127.0.0.1";

    /// <summary>The kubelet's probe of the sidecar's serving port, or null when the user's container has no readiness probe.</summary>
    public static Probe? OfSidecar(Revision revision, int servingPort) =>
        revision.Spec.ServingContainer().ReadinessProbe is not { } probe
            ? null
            : probe with
            {
                Exec = null,
                TcpSocket = null,
                Grpc = null,
                HttpGet = new HttpGetAction
                {
                    Port = servingPort,
                    HttpHeaders = [new HttpHeader { Name = Headers.NetworkProbe, Value = "queue" }],
                },
            };

    /// <summary>The probe that the sidecar runs (<c>SERVING_READINESS_PROBE</c>): one probe as JSON, a list when several containers are
    /// probed, or empty.</summary>
    public static string Encode(Revision revision, FeaturesConfig features)
    {
        var container = revision.Spec.ServingContainer();
        var probe = container.ReadinessProbe is { } own
            ? Complete(own, ProbePorts.Of(own) is > 0 and var port ? port : revision.Spec.UserPort())
            : null;
        if (features.MultiContainerProbing != FeatureFlag.Enabled)
        {
            return probe is null ? "" : Text(probe);
        }

        var probes = revision
            .Spec.SidecarContainers()
            .Where(sidecar => sidecar.ReadinessProbe is { Exec: null })
            .Select(sidecar => ProbePorts.Checked(sidecar.ReadinessProbe, sidecar.Name, "readinessProbe")!)
            .Select(asked => Complete(asked, ProbePorts.Of(asked)));
        var texts = (probe is null ? probes : probes.Prepend(probe)).Select(Text);
        return $"[{string.Join(',', texts)}]";
    }

    private static string Text(Probe probe) => GoJsonText.Finish(JsonSerializer.Serialize(probe, ApiJson.Default.Of<Probe>()));

    private static Probe Complete(Probe probe, int port)
    {
        // The kubelet runs the command; the sidecar only checks whether the port is open.
        var asked = ProbePorts.With(
            probe is { Exec: not null } ? probe with { Exec = null, TcpSocket = new TcpSocketAction() } : probe,
            port
        );
        var result = asked switch
        {
            { HttpGet: { } http } => asked with
            {
                HttpGet = http with { Host = Local, Scheme = http.Scheme.Length > 0 ? http.Scheme : "HTTP" },
            },
            { TcpSocket: { } tcp } => asked with { TcpSocket = tcp with { Host = Local } },
            _ => asked,
        };
        return result.PeriodSeconds > 0 && (result.TimeoutSeconds ?? 0) < 1 ? result with { TimeoutSeconds = 1 } : result;
    }
}
