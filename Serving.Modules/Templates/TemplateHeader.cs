using System.Diagnostics.CodeAnalysis;

namespace Serving.Templates;

/// <summary>
/// The headers of a request as template data, like Go's <c>http.Header</c>: a list of values by name, and the method <c>Get</c>, which
/// returns the first. Names are case-insensitive.
/// </summary>
public sealed class TemplateHeader
{
    private readonly Dictionary<string, IReadOnlyList<string>>? _fields;

    /// <param name="fields">The values by name.</param>
    public TemplateHeader(IEnumerable<KeyValuePair<string, IReadOnlyList<string>>> fields)
    {
        ArgumentNullException.ThrowIfNull(fields);
        _fields = new(fields, StringComparer.OrdinalIgnoreCase);
    }

    private TemplateHeader() { }

    /// <summary>Has empty values for every name, to validate templates that expect a header which only some requests have.</summary>
    public static TemplateHeader Sample { get; } = new();

    /// <summary>The value of every name in <see cref="Sample"/>: an empty text at every index.</summary>
    internal static IReadOnlyList<string> AnyValue { get; } = [""];

    /// <summary>The number of names.</summary>
    public int Count => _fields?.Count ?? 1;

    /// <summary>Formats like Go: <c>map[Accept:[*/*] X-Id:[1 2]]</c>.</summary>
    public override string ToString() =>
        "map["
        + string.Join(
            ' ',
            (_fields ?? [])
                .OrderBy(static field => field.Key, StringComparer.Ordinal)
                .Select(static field => $"{field.Key}:[{string.Join(' ', field.Value)}]")
        )
        + "]";

    internal bool TryGet(string name, [NotNullWhen(true)] out IReadOnlyList<string>? values)
    {
        values = _fields is null ? AnyValue : _fields.GetValueOrDefault(name);
        return values is not null;
    }

    internal string First(string name) => TryGet(name, out var values) && values.Count > 0 ? values[0] : "";
}
