using System.Collections.Immutable;
using Serving.Api.Networking;
using Serving.Kubernetes;
using Serving.Networking.Gateway.Backends;
using Serving.Networking.Gateway.Telemetry;

namespace Serving.Networking.Gateway.Routing;

/// <summary>
/// Builds tables from the Ingresses of one class, from each change of an Ingress or of the availability of a backend. A host belongs to the
/// oldest Ingress with it; a younger one is rejected as a whole. A new version of an Ingress replaces the previous one only when its
/// backends have endpoints, or after <see cref="SwitchTimeout"/>: watches of Ingresses and Endpoints are not ordered relative to each
/// other, and a rollout must not route to a backend that is not known yet. Invariant: the table is what the current versions of all
/// Ingresses together give, but a change costs only the Ingresses that it concerns. Not thread-safe.
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

    private readonly Dictionary<ObjectKey, IngressState> _states = [];
    private readonly HostClaims _claims = new();

    // The Ingresses that refer to a backend, and the number of references to a counter.
    private readonly Dictionary<Backend, HashSet<ObjectKey>> _users = [];
    private readonly Dictionary<TrafficKey, int> _counters = [];

    // The Ingresses whose new version waits, and those with certificates.
    private readonly HashSet<ObjectKey> _waiting = [];
    private readonly HashSet<ObjectKey> _withTls = [];

    /// <summary>The current table.</summary>
    public RouteTable Table { get; private set; } = RouteTable.Empty;

    /// <summary>When <see cref="Apply"/> must be called because <see cref="SwitchTimeout"/> ends; null when no Ingress waits.</summary>
    public DateTimeOffset? NextDeadline => _waiting.Count == 0 ? null : _waiting.Min(key => _states[key].Until);

    /// <summary>The number of Ingresses that were compiled since the start.</summary>
    public long Compiled { get; private set; }

    /// <summary>Applies changes to the table; returns the Ingresses whose state in it is another. An Ingress that cannot be compiled keeps
    /// its previous version, and costs the others nothing.</summary>
    /// <param name="changed">The Ingresses that changed.</param>
    /// <param name="find">The newest version of an Ingress; null when there is none.</param>
    /// <param name="available">The backends that got their first endpoint or lost their last.</param>
    /// <param name="failed">Called for an Ingress that cannot be compiled; null to throw.</param>
    public IReadOnlyCollection<ObjectKey> Apply(
        IEnumerable<ObjectKey> changed,
        Func<ObjectKey, Ingress?> find,
        IEnumerable<Backend>? available = null,
        Action<ObjectKey, Exception>? failed = null
    )
    {
        var concerned = new HashSet<ObjectKey>(changed);
        foreach (var backend in available ?? [])
        {
            concerned.UnionWith(_users.GetValueOrDefault(backend) ?? []);
        }

        concerned.UnionWith(_waiting.Where(key => _states[key].Until <= time.GetUtcNow()));
        var hosts = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        var tls = false;
        foreach (var key in concerned.ToArray())
        {
            try
            {
                tls |= Advance(key, find(key), hosts);
            }
            catch (Exception exception) when (failed is not null)
            {
                concerned.Remove(key);
                failed(key, exception);
            }
        }

        return Update(concerned, hosts, tls);
    }

    /// <summary>Takes in the newest version of an Ingress; adds the hosts whose routes may change. Returns whether certificates may
    /// change.</summary>
    private bool Advance(ObjectKey key, Ingress? ingress, HashSet<string> hosts)
    {
        var before = _states.GetValueOrDefault(key);
        var exists = ingress is not null && ingress.Metadata.DeletionTimestamp is null && served.Contains(ingress);
        var after = exists ? Next(before, ingress!) : null;
        if (after == before)
        {
            return false;
        }

        // The new references count before the old ones end, so that what both refer to is kept.
        IngressFragment[] fresh = [.. FragmentsOf(after).Except(FragmentsOf(before))];
        IngressFragment[] dropped = [.. FragmentsOf(before).Except(FragmentsOf(after))];
        Array.ForEach(fresh, Count);
        Array.ForEach(dropped, Discount);
        Follow(key, before, after);
        if (before?.Current == after?.Current)
        {
            return false;
        }

        hosts.UnionWith(before?.Current.ClusterLocal.Keys ?? []);
        hosts.UnionWith(after?.Current.ClusterLocal.Keys ?? []);
        _claims.Replace(key, before?.Current.ClusterLocal.Keys ?? [], after?.Current.ClusterLocal.Keys ?? []);
        return !(before?.Current.Tls ?? []).SequenceEqual(after?.Current.Tls ?? []);
    }

    private IngressState Next(IngressState? before, Ingress ingress)
    {
        if (before is null || before.Uid != ingress.Metadata.Uid)
        {
            return new IngressState(
                ingress.Metadata.Uid,
                ingress.Metadata.CreationTimestamp ?? DateTimeOffset.MinValue,
                Compile(ingress),
                null,
                default
            );
        }

        var newest = before.Pending ?? before.Current;
        if (ingress.Metadata.Generation is null || newest.Generation != ingress.Metadata.Generation)
        {
            var compiled = Compile(ingress);
            if (compiled.Hash == before.Current.Hash)
            {
                return before with { Current = compiled, Pending = null };
            }

            before = before with { Pending = compiled, Until = before.Pending is null ? time.GetUtcNow() + SwitchTimeout : before.Until };
        }

        return before.Pending is { } pending && (pending.Available || time.GetUtcNow() >= before.Until)
            ? before with
            {
                Current = pending,
                Pending = null,
            }
            : before;
    }

    private IngressFragment Compile(Ingress ingress)
    {
        Compiled++;
        return compiler.Compile(ingress);
    }

    /// <summary>Keeps the sets of Ingresses up to date that are found by their backends, by waiting, and by their certificates.</summary>
    private void Follow(ObjectKey key, IngressState? before, IngressState? after)
    {
        HashSet<Backend> used = [.. FragmentsOf(after).SelectMany(static fragment => fragment.Backends)];
        foreach (var backend in FragmentsOf(before).SelectMany(static fragment => fragment.Backends).Distinct())
        {
            if (!used.Contains(backend) && _users.TryGetValue(backend, out var keys) && keys.Remove(key) && keys.Count == 0)
            {
                _users.Remove(backend);
            }
        }

        foreach (var backend in used)
        {
            if (!_users.TryGetValue(backend, out var keys))
            {
                _users.Add(backend, keys = []);
            }

            keys.Add(key);
        }

        Set(_states, key, after);
        Set(_waiting, key, after?.Pending is not null);
        Set(_withTls, key, after?.Current.Tls.Count > 0);
    }

    /// <summary>Decides again to whom hosts belong, and makes the next table if anything in it changes.</summary>
    private List<ObjectKey> Update(HashSet<ObjectKey> concerned, HashSet<string> hosts, bool tls)
    {
        // Who gets or loses a host may thereby lose or get another one: all Ingresses connected by their hosts are decided together.
        var contenders = _claims.Connected(hosts, key => _states[key].Current.ClusterLocal.Keys);
        var owners = new Dictionary<string, IngressFragment>(StringComparer.OrdinalIgnoreCase);
        var conflicts = new Dictionary<ObjectKey, string>();
        foreach (var (key, state) in InOrder(contenders))
        {
            if (state.Current.ClusterLocal.Keys.FirstOrDefault(owners.ContainsKey) is { } taken)
            {
                conflicts[key] = taken;
                continue;
            }

            foreach (var host in state.Current.ClusterLocal.Keys)
            {
                owners[host] = state.Current;
            }
        }

        var (ingresses, changed) = Note(concerned, contenders, conflicts);
        var isDecidedAnew = changed.Exists(key =>
            _withTls.Contains(key) && ingresses[key].Conflict != Table.Ingresses.GetValueOrDefault(key).Conflict
        );
        if (changed.Count == 0 && hosts.Count == 0)
        {
            return changed;
        }

        // The connected Ingresses may also gain or lose hosts that no changed Ingress has.
        hosts.UnionWith(contenders.SelectMany(key => _states[key].Current.ClusterLocal.Keys));
        Table = new RouteTable(
            Table.External.With(RoutesOf(hosts, host => owners.GetValueOrDefault(host)?.External)),
            Table.ClusterLocal.With(RoutesOf(hosts, host => owners.GetValueOrDefault(host)?.ClusterLocal)),
            ingresses,
            tls || isDecidedAnew ? Certificates(ingresses) : Table.Tls
        );
        return changed;
    }

    private static List<KeyValuePair<string, HostRoutes?>> RoutesOf(
        IReadOnlyCollection<string> hosts,
        Func<string, IReadOnlyDictionary<string, HostRoutes>?> routesOf
    ) => [.. hosts.Select(host => KeyValuePair.Create(host, routesOf(host)?.GetValueOrDefault(host)))];

    /// <summary>The state of each Ingress in the next table, and those whose state is another.</summary>
    private (ImmutableDictionary<ObjectKey, AppliedIngress> Ingresses, List<ObjectKey> Changed) Note(
        HashSet<ObjectKey> concerned,
        HashSet<ObjectKey> contenders,
        Dictionary<ObjectKey, string> conflicts
    )
    {
        var ingresses = Table.Ingresses.ToBuilder();
        var changed = new List<ObjectKey>();
        foreach (var key in concerned.Union(contenders))
        {
            var known = ingresses.TryGetValue(key, out var before);
            if (!_states.TryGetValue(key, out var state))
            {
                if (ingresses.Remove(key))
                {
                    changed.Add(key);
                }

                continue;
            }

            // Only contenders were decided again.
            var conflict = contenders.Contains(key) ? conflicts.GetValueOrDefault(key) : before.Conflict;
            var after = new AppliedIngress(state.Current.Hash, conflict is null && state.Current.Available, conflict);
            if (!known || after != before)
            {
                ingresses[key] = after;
                changed.Add(key);
            }
        }

        return (ingresses.ToImmutable(), changed);
    }

    private TlsHost[] Certificates(ImmutableDictionary<ObjectKey, AppliedIngress> ingresses) =>
        [.. InOrder(_withTls.Where(key => ingresses[key].Conflict is null)).SelectMany(static pair => pair.State.Current.Tls)];

    private IEnumerable<(ObjectKey Key, IngressState State)> InOrder(IEnumerable<ObjectKey> keys) =>
        keys.Select(key => (Key: key, State: _states[key]))
            .OrderBy(static pair => pair.State.Created)
            .ThenBy(static pair => pair.Key.Namespace, StringComparer.Ordinal)
            .ThenBy(static pair => pair.Key.Name, StringComparer.Ordinal);

    private void Count(IngressFragment fragment)
    {
        foreach (var counter in fragment.Counted)
        {
            _counters[counter] = _counters.GetValueOrDefault(counter) + 1;
        }
    }

    /// <summary>Ends the references of a version that is not used any more.</summary>
    private void Discount(IngressFragment fragment)
    {
        backends.Release(fragment.Backends);
        foreach (var counter in fragment.Counted)
        {
            if (--_counters[counter] == 0)
            {
                _counters.Remove(counter);
                statistics.Remove(counter);
            }
        }
    }

    private static IEnumerable<IngressFragment> FragmentsOf(IngressState? state)
    {
        if (state is not null)
        {
            yield return state.Current;
            if (state.Pending is not null)
            {
                yield return state.Pending;
            }
        }
    }

    private static void Set(Dictionary<ObjectKey, IngressState> states, ObjectKey key, IngressState? state)
    {
        if (state is null)
        {
            states.Remove(key);
        }
        else
        {
            states[key] = state;
        }
    }

    private static void Set(HashSet<ObjectKey> keys, ObjectKey key, bool contains)
    {
        if (contains)
        {
            keys.Add(key);
        }
        else
        {
            keys.Remove(key);
        }
    }
}
