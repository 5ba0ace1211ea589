using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>One revision of one object: its serialized JSON, and the fields for selectors and deletion. Immutable.</summary>
internal sealed class StoredObject
{
    private readonly Dictionary<string, string> _fields;
    private byte[]? _added;
    private byte[]? _modified;
    private byte[]? _deleted;

    private StoredObject(string ns, string name, long revision, byte[] json, JsonObject document)
    {
        Namespace = ns;
        Name = name;
        Revision = revision;
        Json = json;
        Uid = document.String("metadata", "uid") ?? "";
        ApiVersion = document.String("apiVersion") ?? "";
        IsDeleting = document.At("metadata", "deletionTimestamp") is not null;
        Labels = [];
        if (document.Object("metadata", "labels") is { } labels)
        {
            foreach (var (key, value) in labels)
                Labels[key] = value?.GetValue<string>() ?? "";
        }

        _fields = SelectableFields.Of(document);
    }

    public string Namespace { get; }

    public string Name { get; }

    public string Uid { get; }

    /// <summary>The API version in which it is stored.</summary>
    public string ApiVersion { get; }

    /// <summary>Its resourceVersion.</summary>
    public long Revision { get; }

    public byte[] Json { get; }

    /// <summary>Its approximate size in memory: its JSON, its watch line, and the fields for selectors.</summary>
    public long Bytes => (2L * Json.Length) + 512;

    /// <summary>Whether a deletionTimestamp is set.</summary>
    public bool IsDeleting { get; }

    public Dictionary<string, string> Labels { get; }

    /// <summary>The value for field selectors, or null when the object does not have the field. Selectable fields of a definition are read
    /// from the document.</summary>
    public string? Field(string path) =>
        _fields.TryGetValue(path, out var value) ? value : SelectableFields.Text(Document().At(path.Split('.')));

    /// <summary>A mutable copy.</summary>
    public JsonObject Document() => Rest.Json.ParseOwn(Json);

    /// <summary>Creates the revision of a document, and sets its resourceVersion.</summary>
    public static StoredObject Create(JsonObject document, long revision)
    {
        var metadata = document.Child("metadata");
        metadata["resourceVersion"] = revision.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return new StoredObject(
            metadata.String("namespace") ?? "",
            metadata.String("name") ?? "",
            revision,
            Rest.Json.Bytes(document),
            document
        );
    }

    /// <summary>The watch line of this revision; created once for all watchers.</summary>
    public byte[] Line(WatchEventKind kind) =>
        kind switch
        {
            WatchEventKind.Added => _added ??= Frame("{\"type\":\"ADDED\",\"object\":"u8, Json),
            WatchEventKind.Modified => _modified ??= Frame("{\"type\":\"MODIFIED\",\"object\":"u8, Json),
            _ => _deleted ??= Frame("{\"type\":\"DELETED\",\"object\":"u8, Json),
        };

    /// <summary>A watch line with a document.</summary>
    public static byte[] Frame(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> json)
    {
        var line = new byte[prefix.Length + json.Length + 2];
        prefix.CopyTo(line);
        json.CopyTo(line.AsSpan(prefix.Length));
        line[^2] = (byte)'}';
        line[^1] = (byte)'\n';
        return line;
    }
}

/// <summary>The type of a watch event.</summary>
internal enum WatchEventKind
{
    Added,
    Modified,
    Deleted,
    Bookmark,

    /// <summary>A bookmark that ends the initial objects.</summary>
    InitialEnd,
}
