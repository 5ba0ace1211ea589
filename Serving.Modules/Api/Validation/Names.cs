namespace Serving.Api.Validation;

/// <summary>Validates names like Kubernetes, with its messages; an empty list means that the name is valid.</summary>
internal static class Names
{
    private const int LabelLength = 63;
    private const int SubdomainLength = 253;
    private const string LabelPattern = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
    private const string QualifiedPattern = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
    private const string QualifiedText =
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

    /// <summary>A DNS label that starts with a letter.</summary>
    public static IReadOnlyList<string> Dns1035Label(string value) =>
        Collect(
            value.Length > LabelLength ? $"must be no more than {LabelLength} characters" : null,
            IsLabel(value) && char.IsAsciiLetterLower(value[0])
                ? null
                : Pattern(
                    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
                    "[a-z]([-a-z0-9]*[a-z0-9])?",
                    "my-name",
                    "abc-123"
                )
        );

    /// <summary>The prefix of a name that the API server completes: a trailing dash is valid.</summary>
    public static IReadOnlyList<string> Dns1035Prefix(string value) =>
        Dns1035Label(value.Length > 1 && value.EndsWith('-') ? value[..^2] + "a" : value);

    /// <summary>A DNS label.</summary>
    public static IReadOnlyList<string> Dns1123Label(string value) =>
        Collect(
            value.Length > LabelLength ? $"must be no more than {LabelLength} characters" : null,
            IsLabel(value) ? null
                : IsSubdomain(value) ? "must not contain dots"
                : Pattern(
                    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
                    LabelPattern,
                    "my-name",
                    "123-abc"
                )
        );

    /// <summary>DNS labels separated by dots.</summary>
    public static IReadOnlyList<string> Dns1123Subdomain(string value) => Subdomain(value, "characters");

    // Kubernetes counts bytes in keys.
    private static IReadOnlyList<string> Subdomain(string value, string unit) =>
        Collect(
            value.Length > SubdomainLength ? $"must be no more than {SubdomainLength} {unit}" : null,
            IsSubdomain(value)
                ? null
                : Pattern(
                    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
                    $"{LabelPattern}(\\.{LabelPattern})*",
                    "example.com"
                )
        );

    /// <summary>The key of a label: a name with an optional DNS prefix and a slash.</summary>
    public static IReadOnlyList<string> Qualified(string value)
    {
        var parts = value.Split('/');
        if (parts.Length > 2)
        {
            return
            [
                "a valid label key "
                    + Pattern(QualifiedText, QualifiedPattern, "MyName", "my.name", "123-abc")
                    + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
            ];
        }

        var name = parts[^1];
        IEnumerable<string> prefix =
            parts.Length == 1 ? []
            : parts[0].Length == 0 ? ["prefix part must be non-empty"]
            : Subdomain(parts[0], "bytes").Select(m => $"prefix part {m}");
        return
        [
            .. prefix,
            .. Collect(
                name.Length == 0 ? "name part must be non-empty"
                    : name.Length > LabelLength ? $"name part must be no more than {LabelLength} bytes"
                    : null,
                IsQualifiedPart(name) ? null : "name part " + Pattern(QualifiedText, QualifiedPattern, "MyName", "my.name", "123-abc")
            ),
        ];
    }

    /// <summary>The value of a label: empty, or a name of at most 63 characters.</summary>
    public static IReadOnlyList<string> LabelValue(string value) =>
        Collect(
            value.Length > LabelLength ? $"must be no more than {LabelLength} bytes" : null,
            value.Length == 0 || IsQualifiedPart(value)
                ? null
                : Pattern(
                    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
                    $"({QualifiedPattern})?",
                    "MyValue",
                    "my_value",
                    "12345"
                )
        );

    /// <summary>A C identifier.</summary>
    public static IReadOnlyList<string> CIdentifier(string value) =>
        value.Length > 0 && !char.IsAsciiDigit(value[0]) && value.All(c => char.IsAsciiLetterOrDigit(c) || c == '_')
            ? []
            :
            [
                Pattern(
                    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
                    "[A-Za-z_][A-Za-z0-9_]*",
                    "my_name",
                    "MY_NAME",
                    "MyName"
                ),
            ];

    /// <summary>A domain of two or more labels; a trailing dot is valid. Null if valid, otherwise the message, which starts with
    /// <paramref name="path"/>.</summary>
    public static string? FullyQualifiedDomain(string path, string value)
    {
        if (value.Length == 0)
        {
            return $"{path}: Required value";
        }

        var name = value.EndsWith('.') ? value[..^1] : value;
        if (Dns1123Subdomain(name) is { Count: > 0 } messages)
        {
            return Invalid(name, string.Join(',', messages));
        }

        var labels = name.Split('.');
        return labels.Length < 2
            ? Invalid(name, "should be a domain with at least two segments separated by dots")
            : labels
                .Select(l => Dns1123Label(l) is { Count: > 0 } wrong ? Invalid(l, string.Join(',', wrong)) : null)
                .FirstOrDefault(m => m is not null);

        string Invalid(string what, string message) => $"{path}: Invalid value: {GoText.Quote(what)}: {message}";
    }

    private static bool IsLabel(ReadOnlySpan<char> value)
    {
        if (value.IsEmpty || value[0] == '-' || value[^1] == '-')
        {
            return false;
        }

        foreach (var c in value)
        {
            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c != '-')
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsSubdomain(string value)
    {
        foreach (var part in value.AsSpan().Split('.'))
        {
            if (!IsLabel(value.AsSpan()[part]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsQualifiedPart(string value) =>
        value.Length > 0
        && char.IsAsciiLetterOrDigit(value[0])
        && char.IsAsciiLetterOrDigit(value[^1])
        && value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    private static string Pattern(string message, string pattern, params string[] examples) =>
        $"{message} (e.g. {string.Join(" or ", examples.Select(e => $"'{e}', "))}regex used for validation is '{pattern}')";

    private static IReadOnlyList<string> Collect(params string?[] messages) => [.. messages.OfType<string>()];
}
