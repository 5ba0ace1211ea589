using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Serving.Host.Health;

/// <summary>One part of a probe as a health check; the remark of a healthy part is its description.</summary>
/// <param name="part">The part's name.</param>
/// <param name="ask">Returns its health.</param>
internal sealed class PartHealthCheck(string part, Func<string, PartHealth?> ask) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(
            ask(part) is { Problem: { } problem } ? HealthCheckResult.Unhealthy(problem) : HealthCheckResult.Healthy(ask(part)?.Remark)
        );
}
