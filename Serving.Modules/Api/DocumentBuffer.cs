using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Serving.Api;

/// <summary>A document as JSON, in memory that a thread uses again for the next one. A large document's memory is not kept.</summary>
internal sealed class DocumentBuffer
{
    private const int Initial = 4 * 1024;
    private const int MostKept = 64 * 1024;

    private static readonly JsonWriterOptions Writing = new() { SkipValidation = true };

    private ArrayBufferWriter<byte> _bytes = new(Initial);

    /// <summary>Writes a document; the result is valid until the next one or <see cref="Clear"/>.</summary>
    public ReadOnlyMemory<byte> Write<T>(T value)
    {
        _bytes.ResetWrittenCount();
        using var writer = new Utf8JsonWriter(_bytes, Writing);
        JsonSerializer.Serialize(writer, value, (JsonTypeInfo<T>)ApiJson.Default.Options.GetTypeInfo(typeof(T)));
        writer.Flush();
        return _bytes.WrittenMemory;
    }

    /// <summary>Releases the memory of a large document.</summary>
    public void Clear()
    {
        if (_bytes.Capacity > MostKept)
        {
            _bytes = new ArrayBufferWriter<byte>(Initial);
        }
    }
}
