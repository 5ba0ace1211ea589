using Serving.Templates;

namespace Serving.Observability.Requests;

/// <summary>The <c>.Revision</c> of the request log's template. The pod is empty where it is unknown.</summary>
/// <param name="ns">The namespace.</param>
/// <param name="name">The revision.</param>
/// <param name="service">Its Service; empty for none.</param>
/// <param name="configuration">Its Configuration.</param>
/// <param name="podName">The pod that responds.</param>
/// <param name="podIP">Its address.</param>
public sealed class RequestLogRevision(string ns, string name, string service, string configuration, string podName = "", string podIP = "")
{
    internal ITemplateObject Fields { get; } =
        new TemplateRecord(
            "*http.RequestLogRevision",
            ("Name", name),
            ("Namespace", ns),
            ("Service", service),
            ("Configuration", configuration),
            ("PodName", podName),
            ("PodIP", podIP)
        );
}
