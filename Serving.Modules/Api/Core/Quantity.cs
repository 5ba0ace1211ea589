using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Api.Core;

/// <summary>A resource quantity, as written (<c>100m</c>, <c>64Mi</c>, <c>1e3</c>). The text is kept, so that it round-trips unchanged.</summary>
[JsonConverter(typeof(QuantityConverter))]
public readonly partial record struct Quantity(string Text)
{
    public override string ToString() => Text ?? "";
    public static implicit operator Quantity(string text) => new(text);
}

internal sealed class QuantityConverter : JsonConverter<Quantity>
{
    public override Quantity Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType == JsonTokenType.Number)
        {
            using var document = JsonDocument.ParseValue(ref reader);
            return new Quantity(document.RootElement.GetRawText());
        }

        return reader.TokenType == JsonTokenType.String ? new Quantity(reader.GetString()!) : throw new JsonException("expected a quantity");
    }

    public override void Write(Utf8JsonWriter writer, Quantity value, JsonSerializerOptions options) => writer.WriteStringValue(value.Text);
}
