using System.Diagnostics.CodeAnalysis;

namespace Serving.Templates;

/// <summary>
/// The header of a request as templates see it, like Go's <c>http.Header</c>: a list of values by name, and the method <c>Get</c>, which
/// gives the first. Names are looked up without regard to case.
/// </summary>
public sealed class TemplateHeader
{
    private readonly Dictionary<string, IReadOnlyList<string>>? fields;

    /// <param name="fields">The values by name.</param>
    public TemplateHeader(IEnumerable<KeyValuePair<string, IReadOnlyList<string>>> fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        this.fields = new(fields, StringComparer.OrdinalIgnoreCase);
    }

    private TemplateHeader()
    {
    }

    /// <summary>Has empty values for every name: to check templates that expect a field which some requests have.</summary>
    public static TemplateHeader Sample { get; } = new();

    /// <summary>What <see cref="Sample"/> has for every name: a value at every place.</summary>
    internal static IReadOnlyList<string> AnyValue { get; } = [""];

    /// <summary>How many names it has.</summary>
    public int Count => fields?.Count ?? 1;

    /// <summary>As Go prints it: <c>map[Accept:[*/*] X-Id:[1 2]]</c>.</summary>
    public override string ToString() => "map[" + string.Join(
        ' ', (fields ?? []).OrderBy(static field => field.Key, StringComparer.Ordinal).Select(static field => $"{field.Key}:[{string.Join(' ', field.Value)}]")) + "]";

    internal bool TryGet(string name, [NotNullWhen(true)] out IReadOnlyList<string>? values)
    {
        values = fields is null ? AnyValue : fields.GetValueOrDefault(name);
        return values is not null;
    }

    internal string First(string name) => TryGet(name, out var values) && values.Count > 0 ? values[0] : "";
}
