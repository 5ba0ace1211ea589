using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Serving.Dataplane;

/// <summary>
/// The headers of a request, to be walked over without an allocation: their enumerator is an object of about a hundred bytes, and every hop
/// walks over them twice. Use it without waiting in between, and dispose it.
/// </summary>
public readonly ref struct HeaderFields
{
    private const int Fewest = 64;
    private const int MostKept = 1024;

    [ThreadStatic]
    private static KeyValuePair<string, StringValues>[]? kept;

    private readonly KeyValuePair<string, StringValues>[] _fields;
    private readonly int _count;

    private HeaderFields(KeyValuePair<string, StringValues>[] fields, int count) => (_fields, _count) = (fields, count);

    /// <summary>Names and values as they are now.</summary>
    public ReadOnlySpan<KeyValuePair<string, StringValues>> Span => _fields.AsSpan(0, _count);

    /// <summary>Takes the headers of a request; they may be changed meanwhile.</summary>
    public static HeaderFields Of(IHeaderDictionary headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        var count = headers.Count;
        var fields = kept;
        kept = null;
        if (fields is null || fields.Length < count) fields = new KeyValuePair<string, StringValues>[Math.Max(Fewest, count)];
        headers.CopyTo(fields, 0);
        return new HeaderFields(fields, count);
    }

    /// <summary>Lets go of names and values, and keeps the room for the next request of this thread.</summary>
    public void Dispose()
    {
        Array.Clear(_fields, 0, _count);
        if (_fields.Length <= MostKept) kept = _fields;
    }
}
