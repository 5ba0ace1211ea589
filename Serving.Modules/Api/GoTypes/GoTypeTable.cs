namespace Serving.Api.GoTypes;

/// <summary>The Go types of documents by name, parsed once from the notation in <see cref="Structs"/>.</summary>
internal static partial class GoTypeTable
{
    private const string MapOfText = "map[string]";
    private static readonly Dictionary<string, GoType> Known = ReadAll();

    /// <summary>A type that is not inspected.</summary>
    public static GoType Opaque { get; } = new(GoKind.Opaque, "", null, []);

    /// <summary>The specification of a Revision.</summary>
    public static GoType RevisionSpec { get; } = Struct("RevisionSpec");

    /// <summary>A Revision's template.</summary>
    public static GoType RevisionTemplate { get; } = Struct("RevisionTemplateSpec");

    /// <summary>The struct with that name; opaque if unknown.</summary>
    public static GoType Struct(string name) => Known.GetValueOrDefault(name) ?? Opaque;

    private static Dictionary<string, GoType> ReadAll()
    {
        var lines = Lines(Structs);
        var orders = Lines(ProtocolOrders);
        var known = new Dictionary<string, GoType>(StringComparer.Ordinal)
        {
            ["string"] = new(GoKind.String, "string", null, []),
            ["bool"] = new(GoKind.Bool, "bool", null, []),
            ["int32"] = new(GoKind.Int32, "int32", null, []),
            ["int64"] = new(GoKind.Int64, "int64", null, []),
            ["Quantity"] = new(GoKind.Quantity, "resource.Quantity", null, []),
            ["IntOrString"] = new(GoKind.IntOrString, "intstr.IntOrString", null, []),
            ["Time"] = new(GoKind.Time, "v1.Time", null, []),
        };
        foreach (var name in lines.Keys)
        {
            Of(name);
        }

        return known;

        GoType Of(string name)
        {
            if (known.TryGetValue(name, out var type))
            {
                return type;
            }

            type =
                name.StartsWith('*') ? Around(GoKind.Pointer, "*", name)
                : name.StartsWith("[]", StringComparison.Ordinal) ? Around(GoKind.List, "[]", name)
                : name.StartsWith(MapOfText, StringComparison.Ordinal) ? Around(GoKind.Map, MapOfText, name)
                : lines.TryGetValue(name, out var notation) ? OfStruct(name, notation)
                : new GoType(GoKind.Opaque, $"v1.{name}", null, []);
            return known[name] = type;
        }

        GoType Around(GoKind kind, string prefix, string name)
        {
            var element = Of(name[prefix.Length..]);
            return new(kind, prefix + element.Name, element, []);
        }

        GoType OfStruct(string name, string[] notation)
        {
            IReadOnlyList<GoField> fields = [.. notation.Select(Field)];
            return new(GoKind.Struct, $"v1.{name}", null, fields)
            {
                ProtocolOrder = orders.TryGetValue(name, out var order) ? [.. order.Select(n => fields.Single(f => f.Name == n))] : fields,
            };
        }

        GoField Field(string notation)
        {
            if (notation.Split(' ') is not [var left, var type])
            {
                return new(notation, "", Of(notation), IsAlwaysWritten: false);
            }

            var names = left.Split('=');
            return new(names[0], names.Length == 2 ? names[1] : JsonName(left), Of(type.TrimEnd('!')), type.EndsWith('!'));
        }
    }

    // A line that starts with a space continues the previous one.
    private static Dictionary<string, string[]> Lines(string notation) =>
        notation
            .ReplaceLineEndings("\n")
            .Replace("\n ", "", StringComparison.Ordinal)
            .Split('\n')
            .Select(line => line.Split(':', 2))
            .ToDictionary(parts => parts[0], parts => parts[1].Split(',', StringSplitOptions.TrimEntries), StringComparer.Ordinal);

    // HostIP becomes hostIP, HTTPGet httpGet, CSI csi.
    private static string JsonName(string name)
    {
        var capitals = name.TakeWhile(char.IsAsciiLetterUpper).Count();
        var lower = capitals == name.Length || capitals == 1 ? capitals : capitals - 1;
        return name[..lower].ToLowerInvariant() + name[lower..];
    }
}
