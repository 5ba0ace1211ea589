using System.Text;

namespace Serving.LocalCluster.Node;

/// <summary>Splits a command line into words like a POSIX shell, with quotes and backslashes. Nothing is expanded.</summary>
internal static class ShellWords
{
    /// <summary>The words of <paramref name="line"/>. Throws <see cref="FormatException"/> when a quote is not closed.</summary>
    public static IReadOnlyList<string> Split(string line)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var inWord = false;
        for (var i = 0; i < line.Length; i++)
        {
            switch (line[i])
            {
                case ' ' or '\t' or '\n' or '\r':
                    if (inWord)
                    {
                        words.Add(word.ToString());
                        word.Clear();
                        inWord = false;
                    }

                    break;
                case '\'':
                    inWord = true;
                    var end = line.IndexOf('\'', i + 1);
                    word.Append(
                        end < 0 ? throw new FormatException($"a single quote is not closed in: {line}") : line.AsSpan(i + 1, end - i - 1)
                    );
                    i = end;
                    break;
                case '"':
                    inWord = true;
                    i = DoubleQuoted(line, i + 1, word);
                    break;
                case '\\' when i + 1 < line.Length:
                    inWord = true;
                    word.Append(line[++i]);
                    break;
                default:
                    inWord = true;
                    word.Append(line[i]);
                    break;
            }
        }

        if (inWord)
        {
            words.Add(word.ToString());
        }

        return words;
    }

    private static int DoubleQuoted(string line, int start, StringBuilder word)
    {
        for (var i = start; i < line.Length; i++)
        {
            if (line[i] == '"')
            {
                return i;
            }

            // Within double quotes a backslash escapes only special characters.
            if (line[i] == '\\' && i + 1 < line.Length && line[i + 1] is '"' or '\\' or '$' or '`')
            {
                i++;
            }

            word.Append(line[i]);
        }

        throw new FormatException($"a double quote is not closed in: {line}");
    }
}
