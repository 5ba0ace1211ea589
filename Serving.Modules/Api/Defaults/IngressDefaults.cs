using Serving.Api.Networking;

namespace Serving.Api.Defaults;

/// <summary>Defaults of Ingresses.</summary>
public static class IngressDefaults
{
    /// <summary>Applies the visibility of rules, and 100 percent for a single backend.</summary>
    public static Ingress Apply(Ingress value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value with { Spec = value.Spec with { Rules = [.. value.Spec.Rules.Select(Rule)] } };
    }

    private static IngressRule Rule(IngressRule rule) =>
        rule with
        {
            Visibility = rule.Visibility.Length == 0 ? "ExternalIP" : rule.Visibility,
            Http = rule.Http is null ? null : rule.Http with { Paths = [.. rule.Http.Paths.Select(Path)] },
        };

    private static HttpIngressPath Path(HttpIngressPath path) =>
        path.Splits is [{ Percent: 0 } only] ? path with { Splits = [only with { Percent = 100 }] } : path;
}
