using System.Buffers;
using System.Globalization;

namespace Serving.Controller.Common;

/// <summary>Reads durations as annotations have them: <c>1h30m</c>, <c>90s</c>, <c>1.5s</c>, <c>300ms</c>.</summary>
internal static class GoDuration
{
    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    private static readonly (string Unit, double Seconds)[] Units =
        [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1), ("m", 60), ("h", 3600)];

    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = default;
        var rest = text.AsSpan();
        var negative = rest is ['-', ..];
        if (rest is ['-' or '+', ..])
        {
            rest = rest[1..];
        }

        if (rest is "0")
        {
            return true;
        }

        var seconds = 0.0;
        var any = false;
        while (rest.Length > 0)
        {
            var digits = rest.IndexOfAnyExcept(NumberCharacters);
            if (digits <= 0 || !double.TryParse(rest[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            {
                return false;
            }

            rest = rest[digits..];
            var end = rest.IndexOfAny(NumberCharacters);
            var name = (end < 0 ? rest : rest[..end]).ToString();
            var unit = Array.Find(Units, unit => unit.Unit == name);
            if (unit.Unit is null)
            {
                return false;
            }

            seconds += number * unit.Seconds;
            rest = rest[name.Length..];
            any = true;
        }

        duration = TimeSpan.FromSeconds(negative ? -seconds : seconds);
        return any;
    }
}
