using Serving.Api.Core;
using Serving.Tests.Support;

namespace Serving.Tests.Docs;

/// <summary>What docs/troubleshooting.md shows below each heading.</summary>
internal static class TroubleshootingDoc
{
    /// <summary>The condition that reports each mistake, as <c>kubectl describe</c> prints it.</summary>
    public static IReadOnlyDictionary<string, string> Conditions { get; } = Read("text");

    /// <summary>What makes the mistake, in YAML, where that is shown.</summary>
    public static IReadOnlyDictionary<string, string> Examples { get; } = Read("yaml");

    /// <summary>The condition that is in the way as <c>kubectl describe</c> prints it, but for its time.</summary>
    public static string Shown(IReadOnlyList<Condition> conditions)
    {
        var told = conditions
            .Where(static condition => condition.Status != "True" && condition.Type != "Ready")
            .OrderBy(static condition => condition.Status != "False")
            .First();
        (string Name, string Value)[] lines =
        [
            ("Message", told.Message),
            ("Reason", told.Reason),
            ("Status", told.Status),
            ("Type", told.Type),
        ];
        return string.Join(
            '\n',
            lines.Where(static line => line.Value.Length > 0).Select(static line => $"{line.Name}:".PadRight(23) + line.Value)
        );
    }

    /// <summary>The last fenced block of a language below each heading.</summary>
    private static Dictionary<string, string> Read(string language)
    {
        var blocks = new Dictionary<string, string>();
        string? heading = null;
        List<string>? block = null;
        var isWanted = false;
        foreach (var line in File.ReadLines(Repository.PathOf("docs", "troubleshooting.md")))
        {
            if (line.StartsWith("## ", StringComparison.Ordinal))
            {
                heading = line[3..];
            }
            else if (line.StartsWith("```", StringComparison.Ordinal))
            {
                if (block is null)
                {
                    (block, isWanted) = ([], line == "```" + language);
                    continue;
                }

                if (isWanted)
                {
                    blocks[heading!] = string.Join('\n', block);
                }

                block = null;
            }
            else
            {
                block?.Add(line);
            }
        }

        return blocks;
    }
}
