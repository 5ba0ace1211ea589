using Serving.Api.Config;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Networking.GatewayApi.Makers;
using Serving.Networking.GatewayApi.Objects;
using Serving.Networking.Layers;
using Serving.Networking.Layers.Probing;
using IngressPass = Serving.Kubernetes.Reconcilers.ReconcilePass<Serving.Api.Networking.Ingress, Serving.Api.Networking.IngressStatus>;

namespace Serving.Networking.GatewayApi;

/// <summary>
/// Brings HTTPRoutes, listeners and grants to what an Ingress wants. Invariants: a backend gets traffic only after every Gateway reached it
/// (<see cref="RouteTransition"/>), and HTTPRoutes of hosts that the Ingress no longer has go only in the last step.
/// </summary>
internal sealed class GatewayApiReconciler(
    NetworkLayer layer,
    ILister<Ingress> ingresses,
    StatusProber prober,
    RouteObjects routes,
    ListenerObjects listeners,
    GatewayPods pods,
    Func<GatewayApiConfig> config,
    IEventRecorder events,
    TimeProvider time
) : LayerReconciler(layer, ingresses, prober, events, time)
{
    private readonly StatusProber _prober = prober;
    private readonly RulePlanner _planner = new(listeners);

    /// <inheritdoc/>
    protected override async Task<LayerResult> ApplyAsync(IngressPass pass, Ingress ingress, CancellationToken cancellation)
    {
        var current = config();
        var hash = IngressHash.Compute(ingress);
        var wanted = RulePlanner.Listeners(ingress, current);
        if ((RouteLimits.Check(ingress) ?? listeners.Overflow(ingress, wanted)) is { } exceeded)
        {
            return new LayerResult { Failure = exceeded };
        }

        var plans = _planner.Plan(ProbeRoutes.Insert(ingress, hash), ingress, current, wanted);
        var changes = plans.Select(plan => ChangeOf(pass.Object, plan)).ToList();
        var targets = changes.Any(static change => RouteTransition.IsUnderWay(change.Current))
            ? await TargetsAsync(plans, [.. changes.Select(static change => change.Current)], cancellation)
            : ([], null);
        var step = RouteTransition.Next(
            pass.Namespace,
            changes,
            hash,
            version => targets.Missing is null && _prober.IsReady(pass.Key, version, targets.Probes)
        );
        var written = await WriteAsync(pass, plans, step, cancellation);
        await listeners.ApplyAsync(pass, wanted, cancellation);
        return await ConcludeAsync(pass, current, plans, step, written, cancellation);
    }

    /// <inheritdoc/>
    protected override LayerAddresses AddressesOf(Ingress ingress)
    {
        var current = config();
        return new LayerAddresses(
            pods.AddressOf(current.ExternalGateway) ?? new IngressLoadBalancerAddress(),
            pods.AddressOf(current.LocalGateway) ?? new IngressLoadBalancerAddress()
        );
    }

    /// <inheritdoc/>
    protected override bool HasObjectsOf(Ingress ingress) => routes.Of(ingress).Count > 0 || listeners.With(ingress).Any();

    /// <inheritdoc/>
    protected override async Task CleanUpAsync(Ingress ingress, IKubernetesClient client, CancellationToken cancellation)
    {
        await listeners.RemoveAsync(ingress, listeners.With(ingress), client, cancellation);
        if (ingress.Metadata.DeletionTimestamp is null)
        {
            var none = new HashSet<string>();
            await routes.PruneAsync(ingress, none, client, cancellation);
            await listeners.PruneGrantsAsync(ingress, none, client, cancellation);
        }
    }

    private RuleChange ChangeOf(Ingress owner, RulePlan plan) =>
        new(
            routes.RulesOf(owner, plan.Name),
            RuleMaker.Make(owner.Metadata.Namespace, plan.Rule, plan.Gateway),
            [.. (plan.Rule.Http?.Paths ?? []).SelectMany(static path => path.Splits)]
        );

    /// <summary>Writes the HTTPRoutes of a step; those that nothing wants any more go with the last.</summary>
    private async Task<IReadOnlyList<HttpRoute>> WriteAsync(
        IngressPass pass,
        IReadOnlyList<RulePlan> plans,
        RouteStep step,
        CancellationToken cancellation
    )
    {
        var written = new List<HttpRoute>();
        foreach (var (plan, rules) in plans.Zip(step.Rules))
        {
            // Without a listener for HTTPS a redirected rule is served by none.
            if (plan.Parents.Count > 0)
            {
                var wanted = HttpRouteMaker.Make(pass.Object, plan.Rule, plan.Name, plan.Parents, rules);
                written.AddRange(await routes.EnsureAsync(pass, plan.Name, wanted, cancellation));
            }

            if (plan.PlainListeners.Count > 0)
            {
                var name = HttpRouteMaker.RedirectNameOf(plan.Name);
                var wanted = HttpRouteMaker.Make(pass.Object, plan.Rule, name, plan.PlainListeners, RuleMaker.Redirected(rules));
                written.AddRange(await routes.EnsureAsync(pass, name, wanted, cancellation));
            }
        }

        if (step.IsLast)
        {
            var names = written.Select(static route => route.Metadata.Name).ToHashSet(StringComparer.Ordinal);
            await routes.PruneAsync(pass.Object, names, pass.Client, cancellation);
        }

        return written;
    }

    private async Task<LayerResult> ConcludeAsync(
        IngressPass pass,
        GatewayApiConfig current,
        IReadOnlyList<RulePlan> plans,
        RouteStep step,
        IReadOnlyList<HttpRoute> written,
        CancellationToken cancellation
    )
    {
        if ((pods.FailureOf(current.ExternalGateway) ?? pods.FailureOf(current.LocalGateway)) is { } failure)
        {
            return new LayerResult { Failure = failure };
        }

        // What is Ready stays so while the pods of a Gateway change: they get their routes before they get requests.
        var isSettled = step.IsLast && IsSettled(pass.Object);
        var (probes, missing) = isSettled ? ([], null) : await TargetsAsync(plans, step.Rules, cancellation);
        var waiting =
            plans.Where(static plan => plan.Parents.Count == 0).Select(WithoutListener).FirstOrDefault()
            ?? written.Select(RouteObjects.Refusal).OfType<string>().FirstOrDefault()
            ?? missing
            ?? AddressMissing(current);
        if (waiting is null && !step.IsLast)
        {
            // The prober brings the Ingress back when the last Gateway returned this version.
            _prober.IsReady(pass.Key, step.Version, probes);
            waiting = "its Gateways do not reach all of the new backends yet";
        }

        return new LayerResult { Targets = probes, Waiting = waiting };
    }

    private string? AddressMissing(GatewayApiConfig current) =>
        new[] { current.ExternalGateway, current.LocalGateway }
            .Where(selection => pods.AddressOf(selection) is null)
            .Select(static selection => $"no address found in status of Gateway {selection.Gateway}")
            .FirstOrDefault();

    private static string WithoutListener(RulePlan plan) =>
        $"Gateway {plan.Gateway.Gateway} has no listener for HTTPS that serves {string.Join(", ", plan.Rule.Hosts)}, "
        + "which httpOption Redirected needs";

    /// <summary>The probes of these rules at the Gateways of their visibility, or what is missing for them.</summary>
    private async Task<(IReadOnlyList<ProbeTarget> Probes, string? Missing)> TargetsAsync(
        IReadOnlyList<RulePlan> plans,
        IReadOnlyList<IReadOnlyList<HttpRouteRule>> rules,
        CancellationToken cancellation
    )
    {
        var probes = new List<ProbeTarget>();
        foreach (var (plan, its) in plans.Zip(rules))
        {
            var paths = RuleProbes.Paths(its);
            if (paths.Count == 0)
            {
                continue;
            }

            var (found, missing) = await pods.FindAsync(plan.Gateway, plan.IsRedirected, cancellation);
            if (missing is not null)
            {
                return ([], missing);
            }

            probes.AddRange(
                from host in HostsOf(plan)
                from path in paths
                from pod in found
                select new ProbeTarget(pod, plan.IsRedirected, host, plan.IsRedirected ? 443 : 80)
                {
                    Path = path == "/" ? NetworkProbeRequest.Path : path,
                    SpeaksProxyProtocol = plan.Gateway.ProxyProtocolEnabled,
                }
            );
        }

        return (probes, null);
    }

    /// <summary>The names of a cluster-local host are one HTTPRoute, so that the longest stands for all.</summary>
    private static IEnumerable<string> HostsOf(RulePlan plan) =>
        plan.Rule.Visibility == IngressVisibility.ClusterLocal
            ? plan.Rule.Hosts.Order(StringComparer.Ordinal).TakeLast(1)
            : plan.Rule.Hosts;
}
