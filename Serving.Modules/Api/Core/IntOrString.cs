using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Api.Core;

/// <summary>A port number or a port name (util/intstr IntOrString).</summary>
[JsonConverter(typeof(IntOrStringConverter))]
public readonly record struct IntOrString
{
    /// <summary>A number.</summary>
    public IntOrString(int value) => Int = value;

    /// <summary>A name.</summary>
    public IntOrString(string value) => Text = value;

    /// <summary>The number; 0 when <see cref="Text"/> is set.</summary>
    public int Int { get; }

    /// <summary>The name, or null when this is a number.</summary>
    public string? Text { get; }

    public static implicit operator IntOrString(int value) => new(value);

    public static implicit operator IntOrString(string value) => new(value);

    public override string ToString() => Text ?? Int.ToString(CultureInfo.InvariantCulture);
}

internal sealed class IntOrStringConverter : JsonConverter<IntOrString>
{
    public override IntOrString Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType switch
        {
            JsonTokenType.Number => new IntOrString(reader.GetInt32()),
            JsonTokenType.String => new IntOrString(reader.GetString()!),
            _ => throw new JsonException("expected an integer or a string"),
        };

    public override void Write(Utf8JsonWriter writer, IntOrString value, JsonSerializerOptions options)
    {
        if (value.Text is null)
        {
            writer.WriteNumberValue(value.Int);
        }
        else
        {
            writer.WriteStringValue(value.Text);
        }
    }
}
