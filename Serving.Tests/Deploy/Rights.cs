using System.Text.Json;
using Serving.Api;

namespace Serving.Tests.Deploy;

/// <summary>What the roles of a file let an account do.</summary>
internal static class Rights
{
    /// <summary>
    /// One line for each verb: <c>get pods</c>, <c>patch deployments.apps/scale</c>, <c>update secrets[webhook-certs]</c>,
    /// <c>get /metrics</c>; within the system namespace alone it ends with <c> here</c>.
    /// </summary>
    public static IReadOnlySet<string> Of(IReadOnlyList<Unstructured> objects, string account)
    {
        var result = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var binding in objects.Where(item => item.Kind is "ClusterRoleBinding" or "RoleBinding" && Names(item, account)))
        {
            var reference = binding.Get("roleRef")!.Value;
            var role = objects.Single(item =>
                item.Kind == reference.GetProperty("kind").GetString() && item.Metadata.Name == reference.GetProperty("name").GetString()
            );
            result.UnionWith(
                RulesOf(objects, role).SelectMany(Lines).Select(line => binding.Kind == "RoleBinding" ? $"{line} here" : line)
            );
        }

        return result;
    }

    /// <summary>The same lines from a table of <c>resource: verbs</c>.</summary>
    public static IReadOnlySet<string> Table(string table) =>
        table
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(row => row.Split(": "))
            .SelectMany(row => row[1].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(verb => $"{verb} {row[0]}"))
            .ToHashSet(StringComparer.Ordinal);

    private static bool Names(Unstructured binding, string account) =>
        binding.Get("subjects")!.Value.EnumerateArray().Any(subject => subject.GetProperty("name").GetString() == account);

    private static IEnumerable<JsonElement> RulesOf(IReadOnlyList<Unstructured> objects, Unstructured role)
    {
        if (role.Get("aggregationRule", "clusterRoleSelectors") is not { } selectors)
        {
            return role.Get("rules")!.Value.EnumerateArray();
        }

        var wanted = selectors.EnumerateArray().SelectMany(selector => selector.GetProperty("matchLabels").EnumerateObject()).ToList();
        return objects
            .Where(item =>
                item.Kind == "ClusterRole"
                && wanted.TrueForAll(label => item.Metadata.Labels.GetValueOrDefault(label.Name) == label.Value.GetString())
            )
            .SelectMany(item => RulesOf(objects, item));
    }

    private static IEnumerable<string> Lines(JsonElement rule)
    {
        var what = rule.TryGetProperty("nonResourceURLs", out var paths)
            ? Strings(paths)
            : from @group in Strings(rule.GetProperty("apiGroups"))
            from resource in Strings(rule.GetProperty("resources"))
            from name in rule.TryGetProperty("resourceNames", out var names) ? Strings(names).Select(name => $"[{name}]") : [""]
            select Resource(@group, resource) + name;
        return what.SelectMany(resource => Strings(rule.GetProperty("verbs")).Select(verb => $"{verb} {resource}"));
    }

    private static string Resource(string group, string resource)
    {
        var slash = resource.IndexOf('/', StringComparison.Ordinal);
        var end = slash < 0 ? resource.Length : slash;
        return group.Length == 0 ? resource : $"{resource[..end]}.{group}{resource[end..]}";
    }

    private static IEnumerable<string> Strings(JsonElement array) => array.EnumerateArray().Select(item => item.GetString()!);
}
