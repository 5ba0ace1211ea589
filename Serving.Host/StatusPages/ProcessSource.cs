using Serving.Host.Composition;
using Serving.Host.Health;
using Serving.Host.Telemetry;
using Serving.Kubernetes.Hosting;
using Serving.StatusPages.Sources;

namespace Serving.Host.StatusPages;

/// <summary>The process itself, as its probes see it.</summary>
/// <param name="health">The health that the probes report.</param>
/// <param name="environment">The pod.</param>
/// <param name="election">The Leases.</param>
/// <param name="started">When the process started.</param>
internal sealed class ProcessSource(ProcessHealth health, ClusterEnvironment environment, Election election, DateTimeOffset started)
    : IProcessSource
{
    public ProcessReading Read() =>
        new(
            environment.PodName,
            environment.SystemNamespace,
            ProcessMetrics.ProductVersion,
            started,
            election.IsHeld,
            health.Leading,
            [.. health.Parts.Select(PartOf).OfType<PartReading>()]
        );

    private PartReading? PartOf(string part) =>
        health.Readiness(part) is { } readiness
            ? new PartReading(part, readiness.Problem, readiness.Remark, health.Liveness(part)?.Problem)
            : null;
}
