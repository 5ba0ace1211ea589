using System.Globalization;

namespace Serving.Templates;

/// <summary>Go's semantics of values: truth, formatting, type names.</summary>
internal static class Values
{
    /// <summary>A missing map entry that was accessed as <c>.name</c>.</summary>
    public static object Missing { get; } = new MissingValue();

    public static bool IsTrue(object? value) =>
        value switch
        {
            null or MissingValue => false,
            bool truth => truth,
            string text => text.Length > 0,
            long or int => Convert.ToInt64(value, CultureInfo.InvariantCulture) != 0,
            double number => number != 0,
            IReadOnlyDictionary<string, string> map => map.Count > 0,
            TemplateHeader header => header.Count > 0,
            IReadOnlyList<string> list => list.Count > 0,
            _ => true,
        };

    public static string Print(object? value) =>
        value switch
        {
            null => "<nil>",
            MissingValue => "<no value>",
            string text => text,
            bool truth => truth ? "true" : "false",
            double number => Number(number),
            IReadOnlyDictionary<string, string> map => "map["
                + string.Join(' ', map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => p.Key + ":" + p.Value))
                + "]",
            IReadOnlyList<string> list => "[" + string.Join(' ', list) + "]",
            IFormattable other => other.ToString(null, CultureInfo.InvariantCulture),
            _ => value.ToString() ?? "",
        };

    public static string TypeName(object? value) =>
        value switch
        {
            null => "nil",
            string => "string",
            bool => "bool",
            int or long => "int",
            double => "float64",
            IReadOnlyDictionary<string, string> => "map[string]string",
            TemplateHeader => "http.Header",
            IReadOnlyList<string> => "[]string",
            ITemplateObject item => item.TypeName,
            _ => value.GetType().Name,
        };

    /// <summary>Like Go's %v: the shortest text that parses back, with an exponent of at least two digits from 1e21 on.</summary>
    private static string Number(double number)
    {
        if (double.IsPositiveInfinity(number))
            return "+Inf";
        if (double.IsNegativeInfinity(number))
            return "-Inf";
        if (double.IsNaN(number))
            return "NaN";
        var magnitude = Math.Abs(number);
        if (magnitude is 0 or (>= 1e-4 and < 1e21))
            return
                number.ToString("0.####################", CultureInfo.InvariantCulture) is var plain
                && double.Parse(plain, CultureInfo.InvariantCulture) == number
                ? plain
                : number.ToString("R", CultureInfo.InvariantCulture);
        return number.ToString("0.################e+00", CultureInfo.InvariantCulture);
    }

    private sealed class MissingValue;
}
