using Serving.Templates;

namespace Serving.Observability.Requests;

/// <summary>The <c>.Route</c> and <c>.Backend</c> of a gateway's access log.</summary>
/// <param name="listener">The listener: <c>external</c> or <c>cluster-local</c>.</param>
/// <param name="routeNamespace">The namespace of the Ingress; empty when no route matched.</param>
/// <param name="route">The Route that the Ingress belongs to; empty for none.</param>
/// <param name="ingress">The Ingress; empty when no route matched.</param>
/// <param name="address">Host and port of the endpoint that the request was last sent to; empty for none, <c>activator</c> for
/// the activator
/// of the same process.</param>
/// <param name="retries">The number of attempts after the first.</param>
public sealed class RequestLogRouting(string listener, string routeNamespace, string route, string ingress, string address, int retries)
{
    internal ITemplateObject Route { get; } =
        new TemplateRecord(
            "*gateway.AccessLogRoute",
            ("Listener", listener),
            ("Namespace", routeNamespace),
            ("Name", route),
            ("Ingress", ingress)
        );

    internal ITemplateObject Backend { get; } =
        new TemplateRecord("*gateway.AccessLogBackend", ("Address", address), ("Retries", (long)retries));
}
