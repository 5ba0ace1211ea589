using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Serving.Api.Core;

namespace Serving.Api;

/// <summary>
/// An object of any kind, as its document, so that kinds without a record can use the same client and informers. Immutable:
/// <see cref="ToJson"/> returns a copy to edit.
/// </summary>
[JsonConverter(typeof(UnstructuredConverter))]
public sealed class Unstructured : IKubernetesObject
{
    private readonly JsonElement _document;
    private ObjectMeta? _metadata;

    /// <param name="document">The whole object; it is not copied, so it must not belong to a <see cref="JsonDocument"/> that is
    /// disposed.</param>
    public Unstructured(JsonElement document)
    {
        if (document.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException("expected an object");
        }

        _document = document;
    }

    /// <param name="document">The whole object; it is copied.</param>
    public Unstructured(JsonObject document)
        : this(ElementOf(document)) { }

    /// <inheritdoc/>
    public string ApiVersion => Text("apiVersion");

    /// <inheritdoc/>
    public string Kind => Text("kind");

    /// <inheritdoc/>
    public ObjectMeta Metadata =>
        _metadata ??= _document.TryGetProperty("metadata", out var metadata)
            ? metadata.Deserialize(ApiJson.Default.Of<ObjectMeta>()) ?? new ObjectMeta()
            : new ObjectMeta();

    /// <summary>The document, read-only.</summary>
    public JsonElement Document => _document;

    /// <summary>A copy of the document, for editing.</summary>
    public JsonObject ToJson() => JsonObject.Create(_document.Clone())!.DeepClone().AsObject();

    /// <summary>The value at a path of field names, or null if it does not exist.</summary>
    public JsonElement? Get(params ReadOnlySpan<string> path)
    {
        var element = _document;
        foreach (var name in path)
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
            {
                return null;
            }
        }

        return element;
    }

    /// <summary>The resource of a kind without a record, read and written as <see cref="Unstructured"/>.</summary>
    public static ResourceType<Unstructured> Type(string group, string version, string plural, string kind, bool namespaced) =>
        new(
            group,
            version,
            plural,
            kind,
            ApiJson.Default.Of<Unstructured>(),
            ApiJson.Default.Of<KubernetesList<Unstructured>>(),
            namespaced
        );

    /// <summary>The same resource, read and written as <see cref="Unstructured"/>.</summary>
    public static ResourceType<Unstructured> Type(ResourceType type) =>
        Type(type.Group, type.Version, type.Plural, type.Kind, type.Namespaced);

    private static JsonElement ElementOf(JsonObject document)
    {
        using var parsed = JsonDocument.Parse(document.ToJsonString());
        return parsed.RootElement.Clone();
    }

    private string Text(string name) =>
        _document.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
}

internal sealed class UnstructuredConverter : JsonConverter<Unstructured>
{
    public override Unstructured Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(JsonElement.ParseValue(ref reader));

    public override void Write(Utf8JsonWriter writer, Unstructured value, JsonSerializerOptions options) => value.Document.WriteTo(writer);
}
