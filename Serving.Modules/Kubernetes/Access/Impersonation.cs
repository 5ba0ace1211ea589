using System.Text;

namespace Serving.Kubernetes.Access;

/// <summary>
/// The impersonation headers of a request (<c>as</c>, <c>as-uid</c>, <c>as-groups</c>, <c>as-user-extra</c> of a kubeconfig's user).
/// Invariant: no header occurs twice, because .NET joins repeated values into one line, which the API server reads as one value.
/// </summary>
/// <param name="Headers">Names and values.</param>
public sealed record Impersonation(IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    private const string Prefix = "Impersonate-";
    private const string Legal = "!#$&'*+-.^_`|~";

    /// <summary>Creates the headers for a user.</summary>
    /// <param name="user">The user to impersonate.</param>
    /// <param name="uid">The user's uid; null for none.</param>
    /// <param name="group">The user's group; null for the default groups only.</param>
    /// <param name="extra">Extra fields of the user.</param>
    public static Impersonation Of(string user, string? uid, string? group, IReadOnlyDictionary<string, string> extra)
    {
        ArgumentException.ThrowIfNullOrEmpty(user);
        ArgumentNullException.ThrowIfNull(extra);
        var headers = new List<KeyValuePair<string, string>> { new($"{Prefix}User", user) };
        if (uid is not null)
        {
            headers.Add(new($"{Prefix}Uid", uid));
        }

        if (group is not null)
        {
            headers.Add(new($"{Prefix}Group", group));
        }

        headers.AddRange(extra.Select(pair => new KeyValuePair<string, string>($"{Prefix}Extra-{Escaped(pair.Key)}", pair.Value)));
        return new Impersonation(headers);
    }

    /// <summary>A key as the suffix of a header name: invalid characters and the percent sign are percent-encoded.</summary>
    private static string Escaped(string key)
    {
        var text = new StringBuilder(key.Length);
        foreach (var value in Encoding.UTF8.GetBytes(key))
        {
            var letter = (char)value;
            _ =
                char.IsAsciiLetterOrDigit(letter) || Legal.Contains(letter, StringComparison.Ordinal)
                    ? text.Append(letter)
                    : text.Append('%').Append(value.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
        }

        return text.ToString();
    }
}
