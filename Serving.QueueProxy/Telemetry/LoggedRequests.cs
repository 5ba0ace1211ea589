using Serving.Observability;

namespace Serving.QueueProxy.Telemetry;

/// <summary>The log of this pod's requests.</summary>
/// <param name="Log">Where they are logged.</param>
/// <param name="Revision">Who answers them.</param>
/// <param name="IncludesProbes">Whether probes are logged too.</param>
internal sealed record LoggedRequests(RequestLog Log, RequestLogRevision Revision, bool IncludesProbes);
