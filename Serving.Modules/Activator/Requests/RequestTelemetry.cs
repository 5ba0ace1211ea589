using Serving.Dataplane.Tracing;
using Serving.Observability.Requests;

namespace Serving.Activator.Requests;

/// <summary>What the activator records of single requests.</summary>
/// <param name="Log">The request log; null for none.</param>
/// <param name="Tracer">Creates the spans.</param>
internal sealed record RequestTelemetry(RequestLog? Log, RequestTracer Tracer)
{
    /// <summary>The activity source.</summary>
    public const string SourceName = "Serving.Activator";

    /// <summary>The span of a request; all names are those of Knative's activator.</summary>
    public const string HandleName = "handle";

    /// <summary>The span of the time that a request waits for capacity.</summary>
    public const string WaitName = "throttler_try";

    /// <summary>The span of an attempt to forward it.</summary>
    public const string ProxyName = "activator_proxy";
}
