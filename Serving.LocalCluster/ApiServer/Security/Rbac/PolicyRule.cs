using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Security.Rbac;

/// <summary>One rule of a role. Rules only add permissions. Immutable.</summary>
internal sealed record PolicyRule(string[] Verbs, string[] Groups, string[] Resources, string[] ResourceNames, string[] Paths)
{
    private const string All = "*";

    /// <summary>All verbs on all resources and paths.</summary>
    public static readonly IReadOnlyList<PolicyRule> FullAuthority = [new([All], [All], [All], [], []), new([All], [], [], [], [All])];

    /// <summary>The rules of a role's document.</summary>
    public static PolicyRule[] ParseAll(JsonArray? rules) => [.. (rules ?? []).Select(Parse)];

    /// <summary>Whether the rule allows the request.</summary>
    public bool Allows(in AccessRequest request)
    {
        if (!Has(Verbs, request.Verb))
            return false;
        return request.IsResource
            ? Has(Groups, request.Group)
                && HasResource(request.Resource, request.Subresource)
                && (ResourceNames.Length == 0 || ResourceNames.AsSpan().Contains(request.Name))
            : HasPath(request.Path);
    }

    /// <summary>Splits the rule into equivalent rules with one verb, group, resource and name, or one verb and path.</summary>
    public IEnumerable<PolicyRule> BreakDown()
    {
        foreach (var verb in Verbs)
        {
            foreach (var path in Paths)
                yield return new([verb], [], [], [], [path]);
            foreach (var group in Groups)
            {
                foreach (var resource in Resources)
                {
                    if (ResourceNames.Length == 0)
                        yield return new([verb], [group], [resource], [], []);
                    foreach (var name in ResourceNames)
                        yield return new([verb], [group], [resource], [name], []);
                }
            }
        }
    }

    /// <summary>Whether this rule covers a rule from <see cref="BreakDown"/>.</summary>
    public bool Covers(PolicyRule single)
    {
        if (!Has(Verbs, single.Verbs[0]))
            return false;
        if (single.Paths is [var path])
            return HasPath(path);
        var slash = single.Resources[0].IndexOf('/', StringComparison.Ordinal);
        var subresource = slash < 0 ? "" : single.Resources[0][(slash + 1)..];
        return Has(Groups, single.Groups[0])
            && HasResource(slash < 0 ? single.Resources[0] : single.Resources[0][..slash], subresource)
            && (ResourceNames.Length == 0 || (single.ResourceNames is [var name] && ResourceNames.Contains(name)));
    }

    /// <summary>The JSON form of roles and <c>SelfSubjectRulesReview</c>.</summary>
    public JsonObject ToJson()
    {
        var rule = new JsonObject { ["verbs"] = Strings(Verbs) };
        Add(rule, "apiGroups", Groups);
        Add(rule, "resources", Resources);
        Add(rule, "resourceNames", ResourceNames);
        Add(rule, "nonResourceURLs", Paths);
        return rule;
    }

    /// <summary>The format of kube-apiserver's list of missing permissions.</summary>
    public override string ToString()
    {
        var parts = new List<string>();
        Say("APIGroups", Groups);
        Say("Resources", Resources);
        Say("NonResourceURLs", Paths);
        Say("ResourceNames", ResourceNames);
        Say("Verbs", Verbs);
        return $"{{{string.Join(", ", parts)}}}";

        void Say(string name, string[] values)
        {
            if (values.Length > 0)
                parts.Add($"{name}:[{string.Join(' ', values.Select(v => $"\"{v}\""))}]");
        }
    }

    private static PolicyRule Parse(JsonNode? rule) =>
        new(
            Names(rule, "verbs"),
            Names(rule, "apiGroups"),
            Names(rule, "resources"),
            Names(rule, "resourceNames"),
            Names(rule, "nonResourceURLs")
        );

    private static string[] Names(JsonNode? rule, string field) => [.. (rule.Array(field) ?? []).Select(n => n?.GetValue<string>() ?? "")];

    private static JsonArray Strings(string[] values) => new([.. values.Select(v => (JsonNode)v)]);

    private static void Add(JsonObject rule, string field, string[] values)
    {
        if (values.Length > 0)
            rule[field] = Strings(values);
    }

    private static bool Has(string[] values, string value)
    {
        foreach (var candidate in values)
        {
            if (candidate == All || candidate == value)
                return true;
        }

        return false;
    }

    // "pods/log" is a subresource of one resource, "*/scale" of every resource, "*" is everything.
    private bool HasResource(string resource, string subresource)
    {
        foreach (var candidate in Resources)
        {
            if (candidate == All || (subresource.Length == 0 && candidate == resource))
                return true;
            if (
                subresource.Length == 0
                || candidate.Length <= subresource.Length + 1
                || candidate[^(subresource.Length + 1)] != '/'
                || !candidate.EndsWith(subresource, StringComparison.Ordinal)
            )
                continue;
            var owner = candidate.AsSpan(0, candidate.Length - subresource.Length - 1);
            if (owner is All || owner.SequenceEqual(resource))
                return true;
        }

        return false;
    }

    private bool HasPath(string path)
    {
        foreach (var candidate in Paths)
        {
            if (
                candidate == All
                || candidate == path
                || (candidate.EndsWith('*') && path.AsSpan().StartsWith(candidate.AsSpan(0, candidate.Length - 1).TrimEnd('*')))
            )
                return true;
        }

        return false;
    }
}
