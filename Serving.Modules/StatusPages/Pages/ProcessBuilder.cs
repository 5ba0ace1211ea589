using Serving.Api;
using Serving.Api.Core;
using Serving.StatusPages.Models;
using Serving.StatusPages.Sources;

namespace Serving.StatusPages.Pages;

/// <summary>Builds the pages about the process itself.</summary>
/// <param name="sources">What they read.</param>
/// <param name="time">The clock.</param>
internal sealed class ProcessBuilder(StatusSources sources, TimeProvider time)
{
    public LeadersPage Leaders()
    {
        var process = sources.Process.Read();
        var leases = process.UsesLeases ? sources.Caches.Find(Resources.Leases, process.Namespace)?.List() ?? [] : [];
        return new LeadersPage
        {
            Title = "Leaders and Leases",
            UsesLeases = process.UsesLeases,
            Leading = process.Leading,
            LeaseCount = leases.Count,
            Leases =
            [
                .. leases
                    .OrderBy(static lease => lease.Metadata.Name, StringComparer.Ordinal)
                    .Take(LeadersPage.MostListed)
                    .Select(lease => RowOf(lease, process.Pod)),
            ],
        };
    }

    /// <summary>What fails or works comes first: most queues are idle.</summary>
    public QueuesPage Queues() =>
        new()
        {
            Title = "Work queues",
            Queues =
            [
                .. sources
                    .Queues()
                    .OrderByDescending(static queue => queue.Failing > 0)
                    .ThenByDescending(static queue => queue.Depth + queue.Processing > 0)
                    .ThenBy(static queue => queue.Name, StringComparer.Ordinal),
            ],
        };

    public InformersPage Informers() =>
        new()
        {
            Title = "Informers",
            Informers =
            [
                .. sources.Caches.States.Select(static state =>
                    state.LastError is { } error ? state with { LastError = Redaction.Text(error) } : state
                ),
            ],
        };

    public ConfigurationPage Configuration() =>
        new()
        {
            Title = "Configuration in force",
            Settings =
            [
                .. sources.Settings.Select(static setting => setting with { Value = Redaction.Apply(setting.Name, setting.Value) }),
            ],
            ConfigMaps =
            [
                .. sources
                    .Configuration()
                    .Select(static map =>
                        map with
                        {
                            Rejection = map.Rejection is { } reason ? Redaction.Text(reason) : null,
                            Values = [.. map.Values.Select(static value => value with { Value = Redaction.Apply(value.Key, value.Value) })],
                        }
                    ),
            ],
        };

    public HealthPage Health()
    {
        var process = sources.Process.Read();
        return new HealthPage
        {
            Title = "Health",
            IsReady = process.Parts.All(static part => part.NotReadyReason is null),
            Uptime = time.GetUtcNow() - process.Started,
            Process = process,
        };
    }

    /// <summary>The clocks of machines differ, so a Lease counts as abandoned only after twice its duration.</summary>
    private LeaseRow RowOf(Lease lease, string pod)
    {
        var spec = lease.Spec ?? new LeaseSpec();
        var holder = spec.HolderIdentity ?? "";
        var split = holder.LastIndexOf('_');
        var name = split < 0 ? holder : holder[..split];
        var duration = spec.LeaseDurationSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : (TimeSpan?)null;
        var isLate = duration is { } lasts && spec.RenewTime is { } renewed && time.GetUtcNow() - renewed > 2 * lasts;
        var (state, status) =
            holder.Length == 0 ? (StateKind.Waiting, "Free")
            : isLate ? (StateKind.Failing, "Not renewed")
            : (StateKind.Ready, "Held");
        return new LeaseRow(
            lease.Metadata.Name,
            state,
            status,
            name,
            split < 0 ? "" : holder[(split + 1)..],
            name.Length > 0 && name == pod,
            holder.Length == 0 ? null : spec.AcquireTime,
            spec.RenewTime,
            duration,
            spec.LeaseTransitions ?? 0
        );
    }
}
