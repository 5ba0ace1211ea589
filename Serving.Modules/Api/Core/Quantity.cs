using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Api.Core;

/// <summary>
/// A resource quantity, as written (<c>100m</c>, <c>64Mi</c>, <c>1e3</c>). The text is kept, so that it round-trips unchanged;
/// admission brings it to the form in which Kubernetes shows it.
/// </summary>
[JsonConverter(typeof(QuantityConverter))]
public readonly record struct Quantity(string Text)
{
    /// <summary>Why the text is no quantity, in the words of Kubernetes; null when it is one.</summary>
    public string? Refusal => QuantityNumber.Read(Text ?? "", out _);

    /// <summary>Whether the text is a quantity.</summary>
    public bool IsValid => Refusal is null;

    /// <summary>The same amount in the form in which Kubernetes shows it: <c>1000m</c> is 1, <c>1024Mi</c> is 1Gi. What is no quantity stays as it is.</summary>
    public Quantity ToCanonical() => QuantityNumber.Read(Text ?? "", out var number) is null ? new(number.Canonical) : this;

    /// <summary>The amount in base units: <c>100m</c> is 0.1, <c>1Ki</c> is 1024. False when the text is no quantity, or beyond what a number can hold.</summary>
    public bool TryGetAmount(out decimal amount)
    {
        amount = 0;
        return QuantityNumber.Read(Text ?? "", out var number) is null && number.TryGetAmount(out amount);
    }

    /// <summary>Whether both are the same amount, however they are written.</summary>
    public bool IsSameAmountAs(Quantity other)
        => Text == other.Text
            || (QuantityNumber.Read(Text ?? "", out var mine) is null && QuantityNumber.Read(other.Text ?? "", out var theirs) is null && mine.IsSameAmountAs(theirs));

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
