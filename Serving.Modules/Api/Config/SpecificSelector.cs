namespace Serving.Api.Config;

/// <summary>
/// Selects one of several names by their label selectors: the selector with the most labels wins, then the first by name.
/// </summary>
internal static class SpecificSelector
{
    public static string? Choose(
        IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> candidates,
        IReadOnlyDictionary<string, string> labels
    )
    {
        string? chosen = null;
        var specificity = -1;
        foreach (var (name, selector) in candidates)
        {
            if (selector.Count < specificity || !Matches(selector, labels))
                continue;
            if (selector.Count > specificity || string.CompareOrdinal(name, chosen) < 0)
            {
                chosen = name;
                specificity = selector.Count;
            }
        }

        return chosen;
    }

    private static bool Matches(IReadOnlyDictionary<string, string> selector, IReadOnlyDictionary<string, string> labels)
    {
        foreach (var (key, value) in selector)
        {
            if (!labels.TryGetValue(key, out var actual) || actual != value)
                return false;
        }

        return true;
    }
}
