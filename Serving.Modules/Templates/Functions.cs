using System.Globalization;
using System.Text;

namespace Serving.Templates;

/// <summary>A template function. Throws <see cref="FormatException"/> when its arguments are invalid.</summary>
internal delegate object? TemplateFunction(object?[] arguments);

/// <summary>The template functions.</summary>
internal static class Functions
{
    private static readonly Dictionary<string, TemplateFunction> Known = new(StringComparer.Ordinal)
    {
        ["and"] = static a => a[^1],
        ["or"] = static a => a[^1],
        ["not"] = static a => !Values.IsTrue(One(a)),
        ["eq"] = static a => AtLeast(a, 2).Skip(1).Any(other => Same(a[0], other)),
        ["ne"] = static a => !Same(Exactly(a, 2)[0], a[1]),
        ["lt"] = static a => Compare(Exactly(a, 2)) < 0,
        ["le"] = static a => Compare(Exactly(a, 2)) <= 0,
        ["gt"] = static a => Compare(Exactly(a, 2)) > 0,
        ["ge"] = static a => Compare(Exactly(a, 2)) >= 0,
        ["index"] = Index,
        ["len"] = Length,
        ["print"] = static a => Print(a),
        ["println"] = static a => string.Join(' ', a.Select(Values.Print)) + "\n",
        ["printf"] = Format,
        ["js"] = static a => Escapes.Js(Print(a)),
        ["html"] = static a => Escapes.Html(Print(a)),
        ["urlquery"] = static a => Escapes.Query(Print(a)),
    };

    public static TemplateFunction? Find(string name) => Known.GetValueOrDefault(name);

    private static object?[] Exactly(object?[] arguments, int count) =>
        arguments.Length == count ? arguments : throw new FormatException($"wrong number of args: want {count} got {arguments.Length}");

    private static object?[] AtLeast(object?[] arguments, int count) =>
        arguments.Length >= count ? arguments : throw new FormatException("missing argument for comparison");

    private static object? One(object?[] arguments) => Exactly(arguments, 1)[0];

    private static bool Same(object? a, object? b)
    {
        if (IsNumber(a) && IsNumber(b))
            return Compare([a, b]) == 0;
        if (a is null || b is null)
            return a is null && b is null;
        if (a.GetType() != b.GetType())
            throw new FormatException("incompatible types for comparison");
        return a is string or bool ? a.Equals(b) : throw new FormatException("non-comparable type " + Values.TypeName(a));
    }

    private static int Compare(object?[] pair) =>
        pair switch
        {
            [string a, string b] => string.CompareOrdinal(a, b),
            [var a, var b] when IsNumber(a) && IsNumber(b) => Convert
                .ToDouble(a, CultureInfo.InvariantCulture)
                .CompareTo(Convert.ToDouble(b, CultureInfo.InvariantCulture)),
            _ => throw new FormatException("incompatible types for comparison"),
        };

    private static bool IsNumber(object? value) => value is int or long or double;

    private static object? Index(object?[] arguments)
    {
        if (arguments.Length == 0)
            throw new FormatException("wrong number of args: want at least 1 got 0");
        var value = arguments[0];
        foreach (var key in arguments.Skip(1))
        {
            value = (value, key) switch
            {
                (IReadOnlyDictionary<string, string> map, string name) => map.GetValueOrDefault(name, ""),
                (IReadOnlyDictionary<string, string>, _) => throw new FormatException(
                    "value has type " + Values.TypeName(key) + "; should be string"
                ),
                (TemplateHeader header, string name) => header.TryGet(name, out var values) ? values : [],
                (TemplateHeader, _) => throw new FormatException("value has type " + Values.TypeName(key) + "; should be string"),
                (IReadOnlyList<string> list, >= 0L) when ReferenceEquals(list, TemplateHeader.AnyValue) => "",
                (IReadOnlyList<string> list, long at) => at >= 0 && at < list.Count
                    ? list[(int)at]
                    : throw new FormatException($"index out of range: {at}"),
                (IReadOnlyList<string>, _) => throw new FormatException("cannot index slice/array with type " + Values.TypeName(key)),
                (null, _) => throw new FormatException("index of untyped nil"),
                _ => throw new FormatException("can't index item of type " + Values.TypeName(value)),
            };
        }

        return value;
    }

    private static object? Length(object?[] arguments) =>
        One(arguments) switch
        {
            string text => (long)Encoding.UTF8.GetByteCount(text),
            IReadOnlyDictionary<string, string> map => (long)map.Count,
            TemplateHeader header => (long)header.Count,
            IReadOnlyList<string> list => (long)list.Count,
            var other => throw new FormatException("len of type " + Values.TypeName(other)),
        };

    /// <summary>Like Go's Sprint: adds a space between two operands when neither is a string.</summary>
    private static string Print(object?[] values)
    {
        var output = new StringBuilder();
        for (var i = 0; i < values.Length; i++)
        {
            if (i > 0 && values[i] is not string && values[i - 1] is not string)
                output.Append(' ');
            output.Append(Values.Print(values[i]));
        }

        return output.ToString();
    }

    private static string Format(object?[] arguments)
    {
        if (arguments is not [string format, ..])
            throw new FormatException("the first argument must be the format");
        var output = new StringBuilder();
        var next = 1;
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                output.Append(format[i]);
                continue;
            }

            var verb = ++i < format.Length ? format[i] : '!';
            if (verb == '%')
            {
                output.Append('%');
                continue;
            }

            if (next >= arguments.Length)
                throw new FormatException($"missing argument for %{verb}");
            var value = arguments[next++];
            output.Append(
                verb switch
                {
                    's' or 'v' => Values.Print(value),
                    'q' when value is string text => Escapes.Quote(text),
                    'd' when value is int or long => Values.Print(value),
                    _ => throw new FormatException($"verb %{verb} is not supported for {Values.TypeName(value)}"),
                }
            );
        }

        return next == arguments.Length ? output.ToString() : throw new FormatException("too many arguments for the format");
    }
}
