using System.Text;

namespace Serving.LocalCluster.Node.Variables;

/// <summary>Kubernetes' <c>$(NAME)</c> in values, commands and arguments.</summary>
internal static class VariableExpansion
{
    /// <summary>
    /// Replaces <c>$(NAME)</c> by the value of a known variable and <c>$$</c> by <c>$</c>; a reference to an unknown one stays as written.
    /// </summary>
    public static string Expand(string text, IReadOnlyDictionary<string, string> variables)
    {
        if (!text.Contains('$', StringComparison.Ordinal))
        {
            return text;
        }

        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '$' || i + 1 == text.Length)
            {
                result.Append(text[i]);
            }
            else if (text[i + 1] == '$')
            {
                result.Append('$');
                i++;
            }
            else if (text[i + 1] == '(' && text.IndexOf(')', i + 2) is > 0 and var end)
            {
                var name = text[(i + 2)..end];
                result.Append(variables.TryGetValue(name, out var value) ? value : $"$({name})");
                i = end;
            }
            else
            {
                result.Append('$');
            }
        }

        return result.ToString();
    }
}
