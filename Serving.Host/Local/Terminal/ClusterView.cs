using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Kubernetes;
using Serving.Kubernetes.Informers;

namespace Serving.Host.Local.Terminal;

/// <summary>Turns the cached Services, Revisions and pods into rows for display.</summary>
internal sealed class ClusterView
{
    private const string RevisionLabel = "serving.knative.dev/revision";
    private const string ServiceLabel = "serving.knative.dev/service";
    private const string ConfigurationLabel = "serving.knative.dev/configuration";

    private readonly IInformer<Service> _services;
    private readonly IInformer<Revision> _revisions;
    private readonly IInformer<PodAutoscaler> _autoscalers;
    private readonly IInformer<Pod> _pods;
    private readonly Func<IReadOnlyDictionary<ObjectKey, long>> _requests;
    private long _changes;

    /// <param name="informers">The process's informers.</param>
    /// <param name="requests">The numbers of requests so far by revision; called once for all rows.</param>
    public ClusterView(IInformers informers, Func<IReadOnlyDictionary<ObjectKey, long>> requests)
    {
        _services = informers.For(Resources.KnativeServices);
        _revisions = informers.For(Resources.Revisions);
        _autoscalers = informers.For(Resources.PodAutoscalers);
        _pods = informers.For(Resources.Pods, labelSelector: RevisionLabel);
        _requests = requests;
        Count(_services);
        Count(_revisions);
        Count(_autoscalers);
        Count(_pods);
    }

    /// <summary>The number of changes of its objects so far. While it stays, rows differ in their requests only.</summary>
    public long Changes => Interlocked.Read(ref _changes);

    /// <summary>One row for each revision that has traffic or pods, ordered by service and age, and one for each Service without a
    /// revision.</summary>
    public IReadOnlyList<RevisionRow> Rows()
    {
        var rows = new List<RevisionRow>();
        var requests = _requests();
        foreach (var revision in _revisions.Lister.List().OrderBy(r => r.Metadata.Namespace).ThenBy(r => r.Metadata.Name))
        {
            var row = Row(revision, requests);
            if (row.Percent is not null || row.Pods > 0 || row.WantedPods > 0 || row.ServiceReady != "Ready")
            {
                rows.Add(row);
            }
        }

        var shown = rows.Select(row => row.Service).ToHashSet();
        rows.AddRange(
            _services.Lister.List().Select(service => Row(service, ObjectKey.Of(service))).Where(row => !shown.Contains(row.Service))
        );
        return rows;
    }

    /// <summary>Whether the row's object still exists; a revision without traffic and pods exists although it has no row.</summary>
    public bool Exists(RevisionRow row)
    {
        var name = row.Service.Split('/');
        return row.Revision.Length > 0
            ? _revisions.Lister.Get(name[0], row.Revision) is not null
            : _services.Lister.Get(name[0], name[1]) is not null;
    }

    // For as long as the process lives, as the view.
    private void Count<T>(IInformer<T> informer)
        where T : class, IKubernetesObject => informer.AddHandler(_ => Interlocked.Increment(ref _changes));

    private static RevisionRow Row(Service service, ObjectKey key) =>
        new($"{key.Namespace}/{key.Name}", service.Status.Url ?? "", Readiness(service), "", null, 0, 0, null, 0, IsFailing(service));

    private RevisionRow Row(Revision revision, IReadOnlyDictionary<ObjectKey, long> requests)
    {
        var (ns, name) = (revision.Metadata.Namespace, revision.Metadata.Name);
        var owner = Label(revision, ServiceLabel) ?? Label(revision, ConfigurationLabel) ?? name;
        var service = _services.Lister.Get(ns, owner);
        var mine = _pods.Lister.ByLabel(ns, RevisionLabel, name).Where(pod => pod.Metadata.DeletionTimestamp is null).ToList();
        var traffic = service?.Status.Traffic.Where(target => target.RevisionName == name).ToList();
        return new RevisionRow(
            $"{ns}/{owner}",
            service?.Status.Url ?? "",
            Readiness(service),
            name,
            traffic is { Count: > 0 } ? traffic.Sum(target => target.Percent ?? 0) : null,
            mine.Count(PodState.IsReady),
            mine.Count,
            _autoscalers.Lister.Get(ns, name)?.Status.DesiredScale is { } wanted and >= 0 ? wanted : null,
            requests.GetValueOrDefault(new ObjectKey(ns, name)),
            IsFailing(service)
        );
    }

    private static string Readiness(Service? service)
    {
        var ready = Ready(service);
        return ready switch
        {
            null => "Starting",
            { Status: "True" } => "Ready",
            { Reason.Length: > 0 } => ready.Reason,
            _ => "Starting",
        };
    }

    private static bool IsFailing(Service? service) => Ready(service) is { Status: "False" };

    private static Condition? Ready(Service? service) => service?.Status.Conditions.FirstOrDefault(condition => condition.Type == "Ready");

    private static string? Label(Revision revision, string key) => revision.Metadata.Labels.GetValueOrDefault(key);
}
