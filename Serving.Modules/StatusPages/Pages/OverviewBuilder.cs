using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Informers;
using Serving.StatusPages.Models;

namespace Serving.StatusPages.Pages;

/// <summary>Builds the overview. Every Service is looked at once, only those of the page are turned into rows.</summary>
/// <param name="caches">The caches.</param>
internal sealed class OverviewBuilder(IInformerCaches caches)
{
    /// <summary>The states to filter by.</summary>
    public static readonly IReadOnlyDictionary<string, StateKind> States = new Dictionary<string, StateKind>(StringComparer.Ordinal)
    {
        ["failing"] = StateKind.Failing,
        ["waiting"] = StateKind.Waiting,
        ["ready"] = StateKind.Ready,
    };

    private const string Title = "Services";

    public OverviewPage Build(OverviewQuery query)
    {
        if (caches.Find(Resources.KnativeServices) is not { } services)
        {
            return new OverviewPage
            {
                Title = Title,
                Query = query,
                Unknown = "This process does not watch Services: none of its modules needs them. Ask a process that runs the controller.",
            };
        }

        var pods = caches.Find(Resources.Pods, labelSelector: ServingKeys.Revision);
        var counts = new Dictionary<StateKind, int>();
        var matching = new List<(StateKind State, Service Service)>();
        var all = services.List();
        foreach (var service in all)
        {
            var state = Rows.StateOf(service.Status).State;
            counts[state] = counts.GetValueOrDefault(state) + 1;
            if (Matches(service, state, query))
            {
                matching.Add((state, service));
            }
        }

        matching.Sort(Compare);
        var pages = Math.Max(1, (matching.Count + OverviewPage.PageSize - 1) / OverviewPage.PageSize);
        var page = Math.Min(query.Page, pages);
        return new OverviewPage
        {
            Title = Title,
            Query = query with { Page = page },
            Total = all.Count,
            Ready = counts.GetValueOrDefault(StateKind.Ready),
            Waiting = counts.GetValueOrDefault(StateKind.Waiting),
            Failing = counts.GetValueOrDefault(StateKind.Failing),
            Pods = pods?.List().Count ?? 0,
            Matching = matching.Count,
            Pages = pages,
            Services =
            [
                .. matching
                    .Skip((page - 1) * OverviewPage.PageSize)
                    .Take(OverviewPage.PageSize)
                    .Select(entry => RowOf(entry.Service, pods)),
            ],
        };
    }

    /// <summary>The row of a Service.</summary>
    public static ServiceRow RowOf(Service service, ILister<Pod>? pods)
    {
        var meta = service.Metadata;
        var (state, status, reason, message) = Rows.StateOf(service.Status);
        var own = Rows.PodsOf(pods, meta.Namespace, ServingKeys.Service, meta.Name);
        return new ServiceRow(
            meta.Namespace,
            meta.Name,
            service.Status.Url,
            state,
            status,
            reason,
            message,
            service.Status.LatestCreatedRevisionName,
            service.Status.LatestReadyRevisionName,
            [.. service.Status.Traffic.Where(static target => target.Percent > 0).Take(ServiceRow.MostTargets).Select(Rows.TrafficOf)],
            own.Count(PodState.IsServing),
            own.Count
        );
    }

    private static bool Matches(Service service, StateKind state, OverviewQuery query) =>
        (query.Namespace.Length == 0 || service.Metadata.Namespace == query.Namespace)
        && (query.Name.Length == 0 || service.Metadata.Name.Contains(query.Name, StringComparison.OrdinalIgnoreCase))
        && (query.State.Length == 0 || States.GetValueOrDefault(query.State) == state);

    /// <summary>What fails first, then what starts, each by namespace and name.</summary>
    private static int Compare((StateKind State, Service Service) one, (StateKind State, Service Service) two)
    {
        var (a, b) = (one.Service.Metadata, two.Service.Metadata);
        return Rank(one.State) != Rank(two.State) ? Rank(one.State).CompareTo(Rank(two.State))
            : a.Namespace != b.Namespace ? string.CompareOrdinal(a.Namespace, b.Namespace)
            : string.CompareOrdinal(a.Name, b.Name);
    }

    private static int Rank(StateKind state) =>
        state switch
        {
            StateKind.Failing => 0,
            StateKind.Waiting => 1,
            _ => 2,
        };
}
