using Serving.Api.GatewayApi;
using Serving.Api.Networking;

namespace Serving.Networking.GatewayApi.Makers;

/// <summary>A rule of an Ingress on its way to its HTTPRoutes.</summary>
/// <param name="Current">The rules that its HTTPRoutes have; none when they do not exist.</param>
/// <param name="Wanted">The rules that the Ingress wants.</param>
/// <param name="Splits">The backends that the Ingress wants.</param>
internal sealed record RuleChange(
    IReadOnlyList<HttpRouteRule> Current,
    IReadOnlyList<HttpRouteRule> Wanted,
    IReadOnlyList<IngressBackendSplit> Splits
);

/// <summary>What the HTTPRoutes of an Ingress contain next.</summary>
/// <param name="Version">The version that their probes then return: the hash of the Ingress, with the prefix of the stage.</param>
/// <param name="Rules">The rules of the HTTPRoutes, for each rule of the Ingress.</param>
/// <param name="IsLast">Whether these are the rules that the Ingress wants, and nothing else.</param>
internal sealed record RouteStep(string Version, IReadOnlyList<IReadOnlyList<HttpRouteRule>> Rules, bool IsLast);

/// <summary>
/// Moves an Ingress from one version to the next without a failed request. A data plane learns of a new backend's endpoints only once a
/// route names it, so traffic must not move in the same step:
/// <list type="number">
/// <item><c>ep-</c>: the rules stay, and each new backend gets a probe rule;</item>
/// <item><c>tr-</c>: the new rules, while each backend, old and new, keeps its probe rule;</item>
/// <item>the new rules alone.</item>
/// </list>
/// A stage begins when every Gateway returned the version of the one before; all rules of the Ingress move together. Without new backends
/// only the last is needed. The stage is read from the HTTPRoutes, so that a new leader continues where the old one was.
/// </summary>
internal static class RouteTransition
{
    private const string EndpointsPrefix = "ep-";
    private const string TransitionPrefix = "tr-";

    /// <summary>The next step.</summary>
    /// <param name="ns">The namespace of the Ingress.</param>
    /// <param name="changes">The rules of the Ingress.</param>
    /// <param name="hash">The hash of the Ingress.</param>
    /// <param name="isRouted">Whether every Gateway returned this version for the current rules.</param>
    public static RouteStep Next(string ns, IReadOnlyList<RuleChange> changes, string hash, Func<string, bool> isRouted)
    {
        var (endpoints, transition) = (EndpointsPrefix + hash, TransitionPrefix + hash);
        var versions = changes
            .Where(static change => change.Current.Count > 0)
            .Select(static change => RuleProbes.VersionOf(change.Current));
        var stages = versions.Distinct().ToList();
        if (stages.Count > 0 && stages.TrueForAll(stage => stage == endpoints || stage == transition))
        {
            // Some are a stage ahead when the writes of a step were interrupted; that step is finished first.
            if (stages.Count == 1 && isRouted(stages[0]!))
            {
                return stages[0] == endpoints ? Transition(ns, changes, transition) : Last(changes, hash);
            }

            return stages.Contains(transition) ? Transition(ns, changes, transition) : Endpoints(ns, changes, endpoints);
        }

        return changes.Any(change => Added(ns, change).Count > 0) ? Endpoints(ns, changes, endpoints) : Last(changes, hash);
    }

    /// <summary>Whether these rules are those of a stage before the last.</summary>
    public static bool IsUnderWay(IReadOnlyList<HttpRouteRule> current) =>
        RuleProbes.VersionOf(current) is { } version
        && (
            version.StartsWith(EndpointsPrefix, StringComparison.Ordinal) || version.StartsWith(TransitionPrefix, StringComparison.Ordinal)
        );

    private static RouteStep Last(IReadOnlyList<RuleChange> changes, string hash) =>
        new(hash, [.. changes.Select(static change => change.Wanted)], IsLast: true);

    private static RouteStep Endpoints(string ns, IReadOnlyList<RuleChange> changes, string version) =>
        new(
            version,
            [
                .. changes.Select(change =>
                    change.Current.Count == 0
                        ? RuleProbes.WithVersion(change.Wanted, version)
                        :
                        [
                            .. RuleProbes.WithVersion(change.Current.Where(static rule => !RuleProbes.IsOfBackend(rule)), version),
                            .. Probes(ns, change, version),
                        ]
                ),
            ],
            IsLast: false
        );

    private static RouteStep Transition(string ns, IReadOnlyList<RuleChange> changes, string version) =>
        new(
            version,
            [
                .. changes.Select(change =>
                    (IReadOnlyList<HttpRouteRule>)
                        [
                            .. RuleProbes.WithVersion(change.Wanted, version),
                            // Rules that were exchanged already name the new backends only: the probes of the old ones stay.
                            .. RuleProbes.VersionOf(change.Current) == version
                                ? change.Current.Where(RuleProbes.IsOfBackend)
                                : Probes(ns, change, version),
                        ]
                ),
            ],
            IsLast: false
        );

    /// <summary>A probe rule for each backend, new and old, of a rule that gets new ones.</summary>
    private static IEnumerable<HttpRouteRule> Probes(string ns, RuleChange change, string version)
    {
        var added = Added(ns, change);
        return added.Count == 0
            ? []
            :
            [
                .. added.Select(split => RuleProbes.OfBackend(ns, split, version)),
                .. Backends(change.Current).Select(backend => RuleProbes.OfBackend(ns, backend, version)),
            ];
    }

    private static List<HttpBackendReference> Backends(IReadOnlyList<HttpRouteRule> rules) =>
        [
            .. rules
                .Where(static rule => !RuleProbes.IsProbe(rule))
                .SelectMany(static rule => rule.BackendRefs)
                .DistinctBy(static backend => (backend.Namespace, backend.Name)),
        ];

    /// <summary>The backends that a rule which has some does not have yet. A new rule takes no traffic from another.</summary>
    private static List<IngressBackendSplit> Added(string ns, RuleChange change)
    {
        var known = Backends(change.Current)
            .Select(backend => (backend.Namespace.Length == 0 ? ns : backend.Namespace, backend.Name))
            .ToHashSet();
        return known.Count == 0
            ? []
            :
            [
                .. change
                    .Splits.Where(split => !known.Contains((split.ServiceNamespace, split.ServiceName)))
                    .DistinctBy(static split => (split.ServiceNamespace, split.ServiceName))
                    .OrderBy(static split => split.ServiceName, StringComparer.Ordinal),
            ];
    }
}
