using Serving.Api.Networking;
using Serving.Kubernetes;
using Serving.Networking.Gateway.Backends;

namespace Serving.Networking.Gateway.Routing;

/// <summary>
/// Builds a table from all Ingresses of one class. A host belongs to the oldest Ingress with it; a younger one is rejected as a whole. A
/// new version of an Ingress replaces the previous one only when its backends have endpoints, or after <see cref="SwitchTimeout"/>: watches
/// of Ingresses and Endpoints are not ordered relative to each other, and a rollout must not route to a backend that is not known yet.
/// Not thread-safe.
/// </summary>
internal sealed class RouteTableBuilder(
    IngressCompiler compiler,
    BackendRegistry backends,
    GatewayStatistics statistics,
    ServedIngresses served,
    TimeProvider time
)
{
    /// <summary>How long the previous version stays in use while the new one has no endpoints.</summary>
    public static readonly TimeSpan SwitchTimeout = TimeSpan.FromSeconds(10);

    private Dictionary<ObjectKey, State> _states = [];

    /// <summary>When the table must be rebuilt because <see cref="SwitchTimeout"/> ends; null when no Ingress is waiting.</summary>
    public DateTimeOffset? NextDeadline { get; private set; }

    public RouteTable Build(IEnumerable<Ingress> ingresses)
    {
        var next = new Dictionary<ObjectKey, State>();
        var applied = new Dictionary<ObjectKey, AppliedIngress>();
        var owners = new Dictionary<string, ObjectKey>(StringComparer.OrdinalIgnoreCase);
        var external = new Dictionary<string, HostRoutes>(StringComparer.OrdinalIgnoreCase);
        var clusterLocal = new Dictionary<string, HostRoutes>(StringComparer.OrdinalIgnoreCase);
        var tls = new List<TlsHost>();
        NextDeadline = null;
        foreach (var ingress in InOrder(ingresses))
        {
            var key = ObjectKey.Of(ingress);
            var state = Advance(_states.GetValueOrDefault(key), ingress);
            next[key] = state;
            var fragment = state.Current;
            if (fragment.ClusterLocal.Keys.FirstOrDefault(owners.ContainsKey) is { } taken)
            {
                applied[key] = new AppliedIngress(fragment.Hash, Available: false, taken);
                continue;
            }

            foreach (var (host, routes) in fragment.ClusterLocal)
            {
                owners[host] = key;
                clusterLocal[host] = new HostRoutes(routes);
            }

            foreach (var (host, routes) in fragment.External)
            {
                external[host] = new HostRoutes(routes);
            }

            tls.AddRange(fragment.Tls);
            applied[key] = new AppliedIngress(fragment.Hash, fragment.Available, null);
        }

        _states = next;
        Forget();
        return new RouteTable(new HostTable(external), new HostTable(clusterLocal), applied, tls);
    }

    private IEnumerable<Ingress> InOrder(IEnumerable<Ingress> ingresses) =>
        ingresses
            .Where(ingress => ingress.Metadata.DeletionTimestamp is null && served.Contains(ingress))
            .OrderBy(static ingress => ingress.Metadata.CreationTimestamp ?? DateTimeOffset.MinValue)
            .ThenBy(static ingress => ingress.Metadata.Namespace, StringComparer.Ordinal)
            .ThenBy(static ingress => ingress.Metadata.Name, StringComparer.Ordinal);

    private State Advance(State? before, Ingress ingress)
    {
        if (before is null || before.Uid != ingress.Metadata.Uid)
        {
            return new State(ingress.Metadata.Uid, compiler.Compile(ingress), null, default);
        }

        var newest = before.Pending ?? before.Current;
        if (ingress.Metadata.Generation is null || newest.Generation != ingress.Metadata.Generation)
        {
            var compiled = compiler.Compile(ingress);
            if (compiled.Hash == before.Current.Hash)
            {
                return before with { Current = compiled, Pending = null };
            }

            before = before with { Pending = compiled, Until = before.Pending is null ? time.GetUtcNow() + SwitchTimeout : before.Until };
        }

        if (before.Pending is null)
        {
            return before;
        }

        if (before.Pending.Available || time.GetUtcNow() >= before.Until)
        {
            return before with { Current = before.Pending, Pending = null };
        }

        NextDeadline = NextDeadline is { } deadline && deadline < before.Until ? deadline : before.Until;
        return before;
    }

    /// <summary>Removes backends and counters that no version refers to.</summary>
    private void Forget()
    {
        var fragments = _states
            .Values.SelectMany(static state => state.Pending is null ? [state.Current] : new[] { state.Current, state.Pending })
            .ToList();
        backends.Keep(fragments.SelectMany(static fragment => fragment.Backends));
        statistics.Keep(fragments.SelectMany(static fragment => fragment.Counted).ToHashSet());
    }

    private sealed record State(string Uid, IngressFragment Current, IngressFragment? Pending, DateTimeOffset Until);
}
