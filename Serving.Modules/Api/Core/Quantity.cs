using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Api.Core;

/// <summary>
/// A resource quantity as written (<c>100m</c>, <c>64Mi</c>, <c>1e3</c>). The text is kept so that it round-trips unchanged; admission
/// converts it to Kubernetes' canonical form.
/// </summary>
[JsonConverter(typeof(QuantityConverter))]
public readonly record struct Quantity(string Text)
{
    /// <summary>Why the text is not a valid quantity, in Kubernetes' wording; null if it is valid.</summary>
    public string? Refusal => QuantityNumber.Read(Text ?? "", out _);

    /// <summary>Whether the text is a valid quantity.</summary>
    public bool IsValid => Refusal is null;

    /// <summary>The canonical form: <c>1000m</c> is 1, <c>1024Mi</c> is 1Gi. An invalid quantity is returned unchanged.</summary>
    public Quantity ToCanonical() => QuantityNumber.Read(Text ?? "", out var number) is null ? new(number.Canonical) : this;

    /// <summary>The value in base units: <c>100m</c> is 0.1, <c>1Ki</c> is 1024. False when the text is invalid or out of range.</summary>
    public bool TryGetAmount(out decimal amount)
    {
        amount = 0;
        return QuantityNumber.Read(Text ?? "", out var number) is null && number.TryGetAmount(out amount);
    }

    /// <summary>Whether both have the same value, however they are written.</summary>
    public bool IsSameAmountAs(Quantity other) =>
        Text == other.Text
        || (
            QuantityNumber.Read(Text ?? "", out var mine) is null
            && QuantityNumber.Read(other.Text ?? "", out var theirs) is null
            && mine.IsSameAmountAs(theirs)
        );

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

        return reader.TokenType == JsonTokenType.String
            ? new Quantity(reader.GetString()!)
            : throw new JsonException("expected a quantity");
    }

    public override void Write(Utf8JsonWriter writer, Quantity value, JsonSerializerOptions options) => writer.WriteStringValue(value.Text);
}
