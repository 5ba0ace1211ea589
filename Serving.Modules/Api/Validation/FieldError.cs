using System.Globalization;

namespace Serving.Api.Validation;

/// <summary>The severity of a finding.</summary>
public enum FieldErrorLevel
{
    /// <summary>The document is rejected.</summary>
    Error,

    /// <summary>The document is accepted with a warning.</summary>
    Warning,
}

/// <summary>
/// Validation errors with their paths; empty when the document is valid. Immutable. The rules of paths and the printed form are those of
/// knative.dev/pkg/apis FieldError, which clients match on.
/// </summary>
public sealed class FieldError
{
    // Both operands of a sum are kept by reference, so that adding one finding to many does not copy them.
    private readonly IReadOnlyList<Finding> _own;
    private readonly (FieldError Left, FieldError Right)? _halves;

    private FieldError(IReadOnlyList<Finding> findings) => _own = findings;

    private FieldError(FieldError left, FieldError right)
    {
        _own = [];
        _halves = (left, right);
    }

    /// <summary>No errors.</summary>
    public static FieldError None { get; } = new([]);

    /// <summary>Whether there are no errors.</summary>
    public bool IsEmpty => _own.Count == 0 && _halves is null;

    /// <summary>The findings as printed: those with the same message and details merged, paths sorted, sorted by message.</summary>
    public IReadOnlyList<Finding> Findings =>
        [
            .. All()
                .GroupBy(f => (f.Level, f.Message, f.Details))
                .Select(g => new Finding(
                    g.Key.Message,
                    [.. g.SelectMany(f => f.Paths).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
                    g.Key.Details,
                    g.Key.Level
                ))
                .OrderBy(f => f.Message, StringComparer.Ordinal)
                .ThenBy(f => f.Details, StringComparer.Ordinal)
                .ThenBy(f => f.Level),
        ];

    /// <summary>Combines the findings of both.</summary>
    public static FieldError operator +(FieldError left, FieldError right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        return left.IsEmpty ? right
            : right.IsEmpty ? left
            : new(left, right);
    }

    /// <summary>Combines the findings of both.</summary>
    public static FieldError Add(FieldError left, FieldError right) => left + right;

    /// <summary>An error with a free-form message.</summary>
    public static FieldError Generic(string message, params string[] paths) => Of(message, "", paths);

    /// <summary>An error with a free-form message and details.</summary>
    public static FieldError WithDetails(string message, string details, params string[] paths) => Of(message, details, paths);

    /// <summary><c>missing field(s)</c>.</summary>
    public static FieldError Missing(params string[] paths) => Of("missing field(s)", "", paths);

    /// <summary><c>must not set the field(s)</c>.</summary>
    public static FieldError Disallowed(params string[] paths) => Of("must not set the field(s)", "", paths);

    /// <summary><c>invalid value: …</c>.</summary>
    public static FieldError Invalid(object? value, string path, string details = "") =>
        Of(string.Create(CultureInfo.InvariantCulture, $"invalid value: {value}"), details, path);

    /// <summary><c>invalid key name "…"</c>.</summary>
    public static FieldError InvalidKey(string key, string path, string details = "") =>
        Of($"invalid key name {GoText.Quote(key)}", details, path);

    /// <summary><c>expected exactly one, got neither</c>.</summary>
    public static FieldError MissingOneOf(params string[] paths) => Of("expected exactly one, got neither", "", paths);

    /// <summary><c>expected exactly one, got both</c>.</summary>
    public static FieldError MultipleOneOf(params string[] paths) => Of("expected exactly one, got both", "", paths);

    /// <summary><c>expected lower &lt;= value &lt;= upper</c>.</summary>
    public static FieldError OutOfBounds(object value, object lower, object upper, string path) =>
        Of(string.Create(CultureInfo.InvariantCulture, $"expected {lower} <= {value} <= {upper}"), "", path);

    /// <summary>Prefixes the paths with <paramref name="field"/>.</summary>
    public FieldError Via(string field) =>
        IsEmpty ? this : new([.. All().Select(f => f with { Paths = [.. f.Paths.Select(p => Join(field, p))] })]);

    /// <summary>Prefixes the paths with the index of a list entry.</summary>
    public FieldError ViaIndex(int index) => Via(string.Create(CultureInfo.InvariantCulture, $"[{index}]"));

    /// <summary>Prefixes the paths with the list <paramref name="field"/> and the index of its entry.</summary>
    public FieldError ViaIndex(string field, int index) => ViaIndex(index).Via(field);

    /// <summary>Prefixes the paths with the key of a map entry.</summary>
    public FieldError ViaKey(string key) => Via($"[{key}]");

    /// <summary>The findings with their severity changed to one level.</summary>
    public FieldError At(FieldErrorLevel level) => new([.. All().Select(f => f with { Level = level })]);

    /// <summary>The findings of one level.</summary>
    public FieldError Only(FieldErrorLevel level) => new([.. All().Where(f => f.Level == level)]);

    /// <summary>One finding per line: the message, the paths, and the details on separate lines.</summary>
    public override string ToString() => string.Join('\n', Findings);

    // In the order in which they were found. A sum of many is a left-deep tree, so this is not recursive.
    private List<Finding> All()
    {
        var all = new List<Finding>();
        var open = new Stack<FieldError>([this]);
        while (open.TryPop(out var next))
        {
            all.AddRange(next._own);
            if (next._halves is var (left, right))
            {
                open.Push(right);
                open.Push(left);
            }
        }

        return all;
    }

    private static FieldError Of(string message, string details, params string[] paths) =>
        new([new(message, [.. paths.Select(p => Join("", p))], details, FieldErrorLevel.Error)]);

    // A path is split at dots, empty parts are dropped, and an index or key is attached to the part before it: foo.[0].bar becomes
    // foo[0].bar.
    private static string Join(string prefix, string path)
    {
        if (prefix.Length == 0 && !path.Contains('[', StringComparison.Ordinal))
        {
            return path;
        }

        var parts = new List<string>();
        foreach (var part in $"{prefix}.{path}".Split('.', StringSplitOptions.RemoveEmptyEntries))
        {
            if (parts.Count > 0 && part.StartsWith('[') && part.EndsWith(']'))
            {
                parts[^1] += part;
            }
            else
            {
                parts.Add(part);
            }
        }

        return string.Join('.', parts);
    }

    /// <summary>An error at one or more paths.</summary>
    public sealed record Finding(string Message, IReadOnlyList<string> Paths, string Details, FieldErrorLevel Level)
    {
        /// <summary>The message, the paths, and the details on separate lines.</summary>
        public override string ToString() =>
            Details.Length == 0 ? $"{Message}: {string.Join(", ", Paths)}" : $"{Message}: {string.Join(", ", Paths)}\n{Details}";
    }
}
