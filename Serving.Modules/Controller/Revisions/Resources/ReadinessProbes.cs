using System.Text.Json;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;

namespace Serving.Controller.Revisions.Resources;

/// <summary>Moves readiness probes from the user's containers to the sidecar: what the kubelet asks it, and what it then asks itself.</summary>
internal static class ReadinessProbes
{
    private const string Local = "127.0.0.1";

    /// <summary>What the kubelet asks the sidecar on its serving port, or null when the user's container has no readiness probe.</summary>
    public static Probe? OfSidecar(Revision revision, int servingPort)
        => revision.Spec.ServingContainer().ReadinessProbe is not { } probe ? null : probe with
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

    /// <summary>What the sidecar asks (<c>SERVING_READINESS_PROBE</c>): one probe as JSON, a list when several containers are probed, or empty.</summary>
    public static string Encode(Revision revision, FeaturesConfig features)
    {
        var container = revision.Spec.ServingContainer();
        var probe = container.ReadinessProbe is { } own ? Complete(own, PortOf(own) is > 0 and var port ? port : revision.Spec.UserPort()) : null;
        if (features.MultiContainerProbing != FeatureFlag.Enabled)
        {
            return probe is null ? "" : Text(probe);
        }

        var probes = revision.Spec.SidecarContainers()
            .Where(sidecar => sidecar.ReadinessProbe is { Exec: null })
            .Select(sidecar => Complete(sidecar.ReadinessProbe!, PortOf(sidecar.ReadinessProbe!)));
        var texts = (probe is null ? probes : probes.Prepend(probe)).Select(Text);
        return $"[{string.Join(',', texts)}]";
    }

    private static string Text(Probe probe) => GoJsonText.Finish(JsonSerializer.Serialize(probe, ApiJson.Default.Of<Probe>()));

    private static int PortOf(Probe probe) => probe.HttpGet?.Port?.Int ?? probe.TcpSocket?.Port?.Int ?? probe.Grpc?.Port ?? 0;

    private static Probe Complete(Probe probe, int port)
    {
        var result = probe switch
        {
            { HttpGet: { } http } => probe with
            {
                HttpGet = http with { Host = Local, Port = port, Scheme = http.Scheme.Length > 0 ? http.Scheme : "HTTP" },
            },
            { TcpSocket: { } tcp } => probe with { TcpSocket = tcp with { Host = Local, Port = port } },
            { Grpc: { } grpc } => probe with { Grpc = grpc with { Port = port } },
            // The command stays with the kubelet; the sidecar only sees whether the port is open.
            { Exec: not null } => probe with { Exec = null, TcpSocket = new TcpSocketAction { Host = Local, Port = port } },
            _ => probe,
        };
        return result.PeriodSeconds > 0 && (result.TimeoutSeconds ?? 0) < 1 ? result with { TimeoutSeconds = 1 } : result;
    }
}
