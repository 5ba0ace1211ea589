using Serving.Api.Config;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Networking.GatewayApi.Makers;
using Serving.Networking.GatewayApi.Objects;
using Serving.Networking.Layers;

namespace Serving.Networking.GatewayApi;

/// <summary>Decides which listeners of which Gateway serve the rules of an Ingress.</summary>
internal sealed class RulePlanner(ListenerObjects listeners)
{
    private const string Redirected = "Redirected";

    /// <summary>The listeners for HTTPS that each Gateway must have for the Ingress; none for one that needs none.</summary>
    public static IReadOnlyDictionary<ObjectName, IReadOnlyList<GatewayListener>> Listeners(Ingress ingress, GatewayApiConfig config) =>
        new[]
        {
            (config.ExternalGateway.Gateway, Visibility: IngressVisibility.External),
            (config.LocalGateway.Gateway, Visibility: IngressVisibility.ClusterLocal),
        }
            .GroupBy(static pair => pair.Gateway, pair => ingress.Hosts(pair.Visibility))
            .ToDictionary(static group => group.Key, group => ListenerMaker.Make(ingress, [.. group.SelectMany(static hosts => hosts)]));

    /// <summary>The plan of each rule.</summary>
    /// <param name="probed">The Ingress with the paths of probes.</param>
    /// <param name="ingress">The Ingress itself.</param>
    /// <param name="config">The Gateways.</param>
    /// <param name="wanted">The listeners that the Gateways will have for the Ingress.</param>
    public IReadOnlyList<RulePlan> Plan(
        Ingress probed,
        Ingress ingress,
        GatewayApiConfig config,
        IReadOnlyDictionary<ObjectName, IReadOnlyList<GatewayListener>> wanted
    )
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        return [.. probed.Spec.Rules.Select(rule => Plan(ingress, rule, config, wanted, names))];
    }

    private RulePlan Plan(
        Ingress ingress,
        IngressRule rule,
        GatewayApiConfig config,
        IReadOnlyDictionary<ObjectName, IReadOnlyList<GatewayListener>> wanted,
        HashSet<string> names
    )
    {
        var isLocal = rule.Visibility == IngressVisibility.ClusterLocal;
        var selection = isLocal ? config.LocalGateway : config.ExternalGateway;
        var name = UniqueName(HttpRouteMaker.NameOf(ingress, rule), names);
        if (isLocal || ingress.Spec.HttpOption != Redirected)
        {
            return new RulePlan(rule, name, selection, [HttpRouteMaker.Parent(selection.Gateway)], [], IsRedirected: false);
        }

        var others = (listeners.Find(selection.Gateway)?.Spec.Listeners ?? []).Where(static listener => !ListenerMaker.IsOurs(listener));
        var serving = others
            .Concat(wanted.GetValueOrDefault(selection.Gateway) ?? [])
            .Where(listener => rule.Hosts.Any(host => ListenerMaker.Serves(listener, host)))
            .ToLookup(static listener => listener.Protocol, listener => HttpRouteMaker.Parent(selection.Gateway, listener.Name));
        return new RulePlan(rule, name, selection, [.. serving[ListenerMaker.Https]], [.. serving[ListenerMaker.Http]], IsRedirected: true);
    }

    /// <summary>Two rules with the same last host get HTTPRoutes of their own.</summary>
    private static string UniqueName(string name, HashSet<string> names)
    {
        var unique = name;
        for (var number = 1; !names.Add(unique); number++)
        {
            unique = $"{name}-rule-{number}";
        }

        return unique;
    }
}
