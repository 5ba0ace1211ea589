using System.Globalization;

namespace Serving.LocalCluster.ApiServer.Schemas;

/// <summary>Reads the schemas of the built-in kinds from <c>kinds.schema</c>, which describes its own syntax.</summary>
internal sealed class BuiltInSchemas
{
    private static readonly Lazy<BuiltInSchemas> Loaded = new(() => new BuiltInSchemas());

    private readonly Dictionary<string, Schema> _types = new(StringComparer.Ordinal);
    private readonly List<(Schema Copy, Schema Original)> _copies = [];
    private readonly Dictionary<string, List<string>> _lines = new(StringComparer.Ordinal);

    private BuiltInSchemas()
    {
        using var stream = typeof(BuiltInSchemas).Assembly.GetManifestResourceStream("kinds.schema")!;
        using var reader = new StreamReader(stream);
        List<string> fields = [];
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
                continue;
            if (line.StartsWith(' '))
                fields.Add(line[1..]);
            else
                _lines[line] = fields = [];
        }

        foreach (var name in _lines.Keys)
            _types[name] = new Schema
            {
                Type = SchemaType.Object,
                TypeName = name,
                IsAtomic = _lines[name].Contains("@atomic"),
            };
        foreach (var (name, lines) in _lines)
            Fill(_types[name], lines);
        foreach (var (copy, original) in _copies)
        {
            foreach (var (field, schema) in original.Properties)
                copy.Properties[field] = schema;
            foreach (var (number, field) in original.Numbers)
                copy.Numbers[number] = field;
            copy.Required.AddRange(original.Required);
        }
    }

    public static BuiltInSchemas Instance => Loaded.Value;

    /// <summary>All types by name, such as <c>core.v1.PodSpec</c>.</summary>
    public IReadOnlyDictionary<string, Schema> Types => _types;

    /// <summary>A type by name.</summary>
    public Schema this[string name] => _types[name];

    private void Fill(Schema type, List<string> lines, bool inline = false)
    {
        foreach (var line in lines)
        {
            if (line.StartsWith('@'))
                continue;
            var parts = line.Split(' ');
            var number = int.Parse(parts[2], CultureInfo.InvariantCulture);
            if (parts[0] == "~")
            {
                Fill(type, _lines[parts[1]], inline: true);
                type.Numbers[number] = new ProtobufField("", _types[parts[1]], true);
                continue;
            }

            var schema = Parse(parts[1], parts.AsSpan(3));
            type.Properties[parts[0]] = schema;
            if (!inline && number > 0)
                type.Numbers[number] = new ProtobufField(parts[0], schema, false);
            if (parts.Contains("!"))
                type.Required.Add(parts[0]);
        }
    }

    private Schema Parse(string type, ReadOnlySpan<string> flags)
    {
        var keys = "";
        string? mergeKey = null;
        var (merges, retains, set, atomic) = (false, false, false, false);
        foreach (var flag in flags)
        {
            if (flag.StartsWith("k=", StringComparison.Ordinal))
                keys = flag[2..];
            else if (flag.StartsWith("m=", StringComparison.Ordinal))
                (merges, mergeKey) = (true, flag[2..]);
            merges |= flag == "m";
            retains |= flag == "rk";
            set |= flag == "set";
            atomic |= flag == "atomic";
        }

        if (type.StartsWith("[]", StringComparison.Ordinal))
        {
            return new Schema
            {
                Type = SchemaType.Array,
                Items = Parse(type[2..], []),
                List =
                    keys.Length > 0 ? ListKind.Map
                    : set ? ListKind.Set
                    : ListKind.Atomic,
                ListKeys = keys.Length > 0 ? keys.Split(',') : [],
                Merges = merges,
                MergeKey = mergeKey,
                RetainsKeys = retains,
            };
        }

        if (type.StartsWith("{}", StringComparison.Ordinal))
            return new Schema
            {
                Type = SchemaType.Object,
                Values = Parse(type[2..], []),
                IsAtomic = atomic,
            };
        if (_types.TryGetValue(type, out var named) && (retains || atomic))
            return Copy(named, retains, atomic);
        return named ?? Scalar(type);
    }

    // A field with flags of its own has a copy of its type, filled after all types are read.
    private Schema Copy(Schema named, bool retains, bool atomic)
    {
        var copy = new Schema
        {
            Type = SchemaType.Object,
            TypeName = named.TypeName,
            IsAtomic = atomic || named.IsAtomic,
            RetainsKeys = retains,
        };
        _copies.Add((copy, named));
        return copy;
    }

    private static Schema Scalar(string type) =>
        type switch
        {
            "string" => new Schema { Type = SchemaType.String },
            "bool" => new Schema { Type = SchemaType.Boolean },
            "int32" => new Schema { Type = SchemaType.Integer, Format = "int32" },
            "int64" => new Schema { Type = SchemaType.Integer, Format = "int64" },
            "number" => new Schema { Type = SchemaType.Number, Format = "double" },
            "bytes" => new Schema { Type = SchemaType.String, Format = "byte" },
            "quantity" => new Schema { Type = SchemaType.IntOrString, Format = "quantity" },
            "intstr" => new Schema { Type = SchemaType.IntOrString, Format = "int-or-string" },
            "time" => new Schema { Type = SchemaType.String, Format = "date-time" },
            "microtime" => new Schema { Type = SchemaType.String, Format = "date-time" },
            "any" => new Schema { Type = SchemaType.Any, PreservesUnknown = true },
            _ => throw new InvalidDataException($"kinds.schema: unknown type {type}"),
        };
}
