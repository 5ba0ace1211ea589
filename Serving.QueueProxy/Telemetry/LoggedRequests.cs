using Serving.Observability.Requests;

namespace Serving.QueueProxy.Telemetry;

/// <summary>The request log of this pod.</summary>
/// <param name="Log">The log.</param>
/// <param name="Revision">The revision that serves the requests.</param>
/// <param name="IncludesProbes">Whether probes are logged too.</param>
internal sealed record LoggedRequests(RequestLog Log, RequestLogRevision Revision, bool IncludesProbes);
