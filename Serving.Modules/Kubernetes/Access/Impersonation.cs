using System.Text;

namespace Serving.Kubernetes.Access;

/// <summary>
/// Whom we act as (<c>as</c>, <c>as-uid</c>, <c>as-groups</c>, <c>as-user-extra</c> of a kubeconfig's user), as the headers of a request.
/// Invariant: no header stands twice, because .NET joins the values of one into a line, which the API server takes for one value.
/// </summary>
/// <param name="Headers">Names and values.</param>
public sealed record Impersonation(IReadOnlyList<KeyValuePair<string, string>> Headers)
{
    private const string Prefix = "Impersonate-";
    private const string Legal = "!#$&'*+-.^_`|~";

    /// <summary>The headers for a user.</summary>
    /// <param name="user">Whom we act as.</param>
    /// <param name="uid">His uid; null for none.</param>
    /// <param name="group">His group; null for those that the server gives everybody.</param>
    /// <param name="extra">What else is known of him.</param>
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

    /// <summary>A key as the end of a header's name: what may not stand there is percent-encoded, and so is the percent sign.</summary>
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
