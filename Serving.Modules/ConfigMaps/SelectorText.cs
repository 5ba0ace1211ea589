using Serving.Api.Core;
using Serving.Kubernetes.Yaml;

namespace Serving.ConfigMaps;

/// <summary>Parses label selectors in values of ConfigMaps. Throws <see cref="FormatException"/>.</summary>
internal static class SelectorText
{
    /// <summary>The selector; one that no object could match, or that no API server accepts, is refused.</summary>
    public static LabelSelector Parse(IReadOnlyList<(string Key, YamlValue Value)> entries)
    {
        var selector = new LabelSelector
        {
            MatchLabels = YamlText.Strings(entries, "matchLabels"),
            MatchExpressions =
            [
                .. entries.Where(e => e.Key == "matchExpressions").SelectMany(e => YamlText.Items(e.Value)).Select(Requirement),
            ],
        };
        foreach (var (key, value) in selector.MatchLabels)
        {
            if (!LabelSyntax.IsKey(key) || !LabelSyntax.IsValue(value))
                throw new FormatException($"{key}={value} is no label");
        }

        foreach (var requirement in selector.MatchExpressions)
        {
            Check(requirement);
        }

        return selector;
    }

    private static void Check(LabelSelectorRequirement requirement)
    {
        var needsValues = requirement.Operator is "In" or "NotIn";
        if (!needsValues && requirement.Operator is not ("Exists" or "DoesNotExist"))
        {
            throw new FormatException(
                $"{GoValues.Quote(requirement.Operator)} is not a valid label selector operator: it must be In, NotIn, Exists or DoesNotExist"
            );
        }

        if (!LabelSyntax.IsKey(requirement.Key) || !requirement.Values.All(LabelSyntax.IsValue))
        {
            throw new FormatException($"the requirement of {GoValues.Quote(requirement.Key)} has a key or a value that is no label's");
        }

        if (needsValues != requirement.Values.Count > 0)
        {
            throw new FormatException(
                $"values of {requirement.Key} must be {(needsValues ? "given" : "empty")} for operator {requirement.Operator}"
            );
        }
    }

    private static LabelSelectorRequirement Requirement(YamlValue node)
    {
        var fields = YamlText.Entries(node).ToDictionary(e => e.Key, e => e.Value, StringComparer.Ordinal);
        return new LabelSelectorRequirement
        {
            Key = fields.TryGetValue("key", out var key) ? YamlText.Scalar(key) : "",
            Operator = fields.TryGetValue("operator", out var op) ? YamlText.Scalar(op) : "",
            Values = fields.TryGetValue("values", out var values) ? [.. YamlText.Items(values).Select(YamlText.Scalar)] : [],
        };
    }
}
