namespace Serving.Api.GoTypes;

/// <summary>
/// Aligns the entries of two lists, so that a difference is reported for the changed entry and not for all that follow it: equal entries
/// stay aligned, and between them similar entries count as changed.
/// </summary>
internal static class EditScript
{
    // The cost is the product of both lengths. Longer lists are aligned by index.
    private const int MaxWork = 250_000;

    /// <summary>The pairs in order; an index of -1 means that an entry has no counterpart.</summary>
    /// <param name="old">Number of old entries.</param>
    /// <param name="current">Number of current entries.</param>
    /// <param name="compare">Returns how much of an old and a current entry is equal, and how much differs.</param>
    public static IReadOnlyList<(int Old, int Current)> Pair(int old, int current, Func<int, int, (int Same, int Different)> compare)
    {
        var script = new List<(int Old, int Current)>();
        var front = 0;
        while (front < Math.Min(old, current) && compare(front, front).Different == 0)
        {
            script.Add((front, front++));
        }

        var back = 0;
        while (back < Math.Min(old, current) - front && compare(old - 1 - back, current - 1 - back).Different == 0)
        {
            back++;
        }

        var (i, j) = (front, front);
        foreach (var (x, y) in Equals(front, old - back, current - back, compare))
        {
            Between(script, i, x, j, y, compare);
            script.Add((x, y));
            (i, j) = (x + 1, y + 1);
        }

        Between(script, i, old - back, j, current - back, compare);
        script.AddRange(Enumerable.Range(1, back).Select(n => (old - back + n - 1, current - back + n - 1)));
        return script;
    }

    // The longest common subsequence of equal entries.
    private static List<(int Old, int Current)> Equals(int from, int old, int current, Func<int, int, (int Same, int Different)> compare)
    {
        var (rows, columns) = (old - from, current - from);
        var pairs = new List<(int, int)>();
        if (rows == 0 || columns == 0 || (long)rows * columns > MaxWork)
        {
            return pairs;
        }

        var isEqual = new bool[rows, columns];
        var most = new int[rows + 1, columns + 1];
        for (var i = rows - 1; i >= 0; i--)
        {
            for (var j = columns - 1; j >= 0; j--)
            {
                isEqual[i, j] = compare(from + i, from + j).Different == 0;
                most[i, j] = isEqual[i, j] ? most[i + 1, j + 1] + 1 : Math.Max(most[i + 1, j], most[i, j + 1]);
            }
        }

        for (var (i, j) = (0, 0); i < rows && j < columns; )
        {
            if (isEqual[i, j])
            {
                pairs.Add((from + i++, from + j++));
            }
            else if (most[i + 1, j] >= most[i, j + 1])
            {
                i++;
            }
            else
            {
                j++;
            }
        }

        return pairs;
    }

    private static void Between(
        List<(int Old, int Current)> script,
        int i,
        int oldEnd,
        int j,
        int currentEnd,
        Func<int, int, (int Same, int Different)> compare
    )
    {
        while (i < oldEnd && j < currentEnd)
        {
            var (same, different) = compare(i, j);
            script.Add(
                same + 1 >= different ? (i++, j++)
                : oldEnd - i >= currentEnd - j ? (i++, -1)
                : (-1, j++)
            );
        }

        while (i < oldEnd)
        {
            script.Add((i++, -1));
        }

        while (j < currentEnd)
        {
            script.Add((-1, j++));
        }
    }
}
