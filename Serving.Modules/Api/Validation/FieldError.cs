using System.Globalization;

namespace Serving.Api.Validation;

/// <summary>How bad a finding is.</summary>
public enum FieldErrorLevel
{
    /// <summary>The document is refused.</summary>
    Error,

    /// <summary>The document is accepted, and the client is told.</summary>
    Warning,
}

/// <summary>
/// What is wrong with a document, and where: any number of findings, none when it is fine. Immutable; the rules of paths
/// and the printed form are those of knative.dev/pkg/apis FieldError, which clients match on.
/// </summary>
public sealed class FieldError
{
    // Both halves of a sum are kept as they are, so that to add one finding to many does not copy the many.
    private readonly IReadOnlyList<Finding> own;
    private readonly (FieldError Left, FieldError Right)? halves;

    private FieldError(IReadOnlyList<Finding> findings) => own = findings;

    private FieldError(FieldError left, FieldError right)
    {
        own = [];
        halves = (left, right);
    }

    /// <summary>Nothing is wrong.</summary>
    public static FieldError None { get; } = new([]);

    /// <summary>Whether nothing is wrong.</summary>
    public bool IsEmpty => own.Count == 0 && halves is null;

    /// <summary>The findings as they are printed: those of one message and details merged, paths sorted, sorted by message.</summary>
    public IReadOnlyList<Finding> Findings =>
    [
        .. All()
            .GroupBy(f => (f.Level, f.Message, f.Details))
            .Select(g => new Finding(
                g.Key.Message, [.. g.SelectMany(f => f.Paths).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)], g.Key.Details, g.Key.Level))
            .OrderBy(f => f.Message, StringComparer.Ordinal).ThenBy(f => f.Details, StringComparer.Ordinal).ThenBy(f => f.Level),
    ];

    /// <summary>Both documents' findings.</summary>
    public static FieldError operator +(FieldError left, FieldError right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        return left.IsEmpty ? right : right.IsEmpty ? left : new(left, right);
    }

    /// <summary>The findings of both.</summary>
    public static FieldError Add(FieldError left, FieldError right) => left + right;

    /// <summary>Something that no other wording fits.</summary>
    public static FieldError Generic(string message, params string[] paths) => Of(message, "", paths);

    /// <summary>Something that no other wording fits, with a longer explanation.</summary>
    public static FieldError WithDetails(string message, string details, params string[] paths) => Of(message, details, paths);

    /// <summary><c>missing field(s)</c>.</summary>
    public static FieldError Missing(params string[] paths) => Of("missing field(s)", "", paths);

    /// <summary><c>must not set the field(s)</c>.</summary>
    public static FieldError Disallowed(params string[] paths) => Of("must not set the field(s)", "", paths);

    /// <summary><c>invalid value: …</c>.</summary>
    public static FieldError Invalid(object? value, string path, string details = "")
        => Of(string.Create(CultureInfo.InvariantCulture, $"invalid value: {value}"), details, path);

    /// <summary><c>invalid key name "…"</c>.</summary>
    public static FieldError InvalidKey(string key, string path, string details = "") => Of($"invalid key name {GoText.Quote(key)}", details, path);

    /// <summary><c>expected exactly one, got neither</c>.</summary>
    public static FieldError MissingOneOf(params string[] paths) => Of("expected exactly one, got neither", "", paths);

    /// <summary><c>expected exactly one, got both</c>.</summary>
    public static FieldError MultipleOneOf(params string[] paths) => Of("expected exactly one, got both", "", paths);

    /// <summary><c>expected lower &lt;= value &lt;= upper</c>.</summary>
    public static FieldError OutOfBounds(object value, object lower, object upper, string path)
        => Of(string.Create(CultureInfo.InvariantCulture, $"expected {lower} <= {value} <= {upper}"), "", path);

    /// <summary>The findings as seen from the owner of <paramref name="field"/>, in which they were found.</summary>
    public FieldError Via(string field)
        => IsEmpty ? this : new([.. All().Select(f => f with { Paths = [.. f.Paths.Select(p => Join(field, p))] })]);

    /// <summary>The findings as seen from a list whose entry they were found in.</summary>
    public FieldError ViaIndex(int index) => Via(string.Create(CultureInfo.InvariantCulture, $"[{index}]"));

    /// <summary>The findings as seen from the owner of the list <paramref name="field"/>.</summary>
    public FieldError ViaIndex(string field, int index) => ViaIndex(index).Via(field);

    /// <summary>The findings as seen from a map whose value they were found in.</summary>
    public FieldError ViaKey(string key) => Via($"[{key}]");

    /// <summary>The findings, all of one level.</summary>
    public FieldError At(FieldErrorLevel level) => new([.. All().Select(f => f with { Level = level })]);

    /// <summary>Those of one level.</summary>
    public FieldError Only(FieldErrorLevel level) => new([.. All().Where(f => f.Level == level)]);

    /// <summary>One finding a line: the message, the paths, and the details on lines of their own.</summary>
    public override string ToString() => string.Join('\n', Findings);

    // In the order in which they were found. A sum of many leans to the left as deep as there are many, so no recursion.
    private List<Finding> All()
    {
        var all = new List<Finding>();
        var open = new Stack<FieldError>([this]);
        while (open.TryPop(out var next))
        {
            all.AddRange(next.own);
            if (next.halves is var (left, right))
            {
                open.Push(right);
                open.Push(left);
            }
        }

        return all;
    }

    private static FieldError Of(string message, string details, params string[] paths) => new([new(message, [.. paths.Select(p => Join("", p))], details, FieldErrorLevel.Error)]);

    // A path is split at dots, empty parts vanish, and an index or key sticks to what is before it: foo.[0].bar is foo[0].bar.
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

    /// <summary>One thing that is wrong, at one or more places.</summary>
    public sealed record Finding(string Message, IReadOnlyList<string> Paths, string Details, FieldErrorLevel Level)
    {
        /// <summary>The message, the paths, and the details on lines of their own.</summary>
        public override string ToString()
            => Details.Length == 0 ? $"{Message}: {string.Join(", ", Paths)}" : $"{Message}: {string.Join(", ", Paths)}\n{Details}";
    }
}
