using Serving.Api.Networking;

namespace Serving.Networking.Layers;

/// <summary>Questions about the rules of an Ingress with defaults (<see cref="WithDefaults(Ingress)"/>).</summary>
public static class IngressRules
{
    /// <summary>
    /// The Ingress with the defaults of its optional fields: a rule without a visibility is external, and the only split of a path gets all
    /// traffic. The hash in probes is that of the Ingress with defaults.
    /// </summary>
    public static Ingress WithDefaults(Ingress ingress)
    {
        ArgumentNullException.ThrowIfNull(ingress);
        return ingress with { Spec = ingress.Spec with { Rules = [.. ingress.Spec.Rules.Select(WithDefaults)] } };
    }

    /// <summary>Whether a rule is reachable from outside the cluster.</summary>
    public static bool IsExternal(this Ingress ingress) => ingress.Has(IngressVisibility.External);

    /// <summary>Whether a rule has this visibility.</summary>
    public static bool Has(this Ingress ingress, string visibility)
    {
        ArgumentNullException.ThrowIfNull(ingress);
        return ingress.Spec.Rules.Any(rule => rule.Visibility == visibility);
    }

    /// <summary>The hosts of the rules of one visibility, or of all rules when it is null; sorted, each once.</summary>
    public static IReadOnlyList<string> Hosts(this Ingress ingress, string? visibility = null)
    {
        ArgumentNullException.ThrowIfNull(ingress);
        return
        [
            .. ingress
                .Spec.Rules.Where(rule => visibility is null || rule.Visibility == visibility)
                .SelectMany(static rule => rule.Hosts)
                .Distinct(StringComparer.Ordinal)
                .Order(StringComparer.Ordinal),
        ];
    }

    /// <summary>
    /// The certificates of one visibility: those that contain all hosts of a rule with it, in the order of the rules. A rule without hosts
    /// ends the list, since no certificate can contain its hosts.
    /// </summary>
    public static IReadOnlyList<IngressTls> Tls(this Ingress ingress, string visibility)
    {
        ArgumentNullException.ThrowIfNull(ingress);
        return
        [
            .. ingress
                .Spec.Rules.Where(rule => rule.Visibility == visibility)
                .TakeWhile(static rule => rule.Hosts.Count > 0)
                .SelectMany(rule => ingress.Spec.Tls.Where(tls => rule.Hosts.All(tls.Hosts.Contains))),
        ];
    }

    private static IngressRule WithDefaults(IngressRule rule) =>
        rule with
        {
            Visibility = rule.Visibility.Length > 0 ? rule.Visibility : IngressVisibility.External,
            Http = rule.Http is { } http ? http with { Paths = [.. http.Paths.Select(WithDefaults)] } : null,
        };

    private static HttpIngressPath WithDefaults(HttpIngressPath path) =>
        path.Splits is [{ Percent: 0 } only] ? path with { Splits = [only with { Percent = 100 }] } : path;
}
