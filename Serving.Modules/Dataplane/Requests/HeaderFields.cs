using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Serving.Dataplane.Requests;

/// <summary>
/// Enumerates the headers of a request without allocating: the framework's enumerator is an object of about a hundred bytes, and every hop
/// enumerates twice. Do not await between use and dispose.
/// </summary>
public readonly ref struct HeaderFields
{
    private const int Fewest = 64;
    private const int MostKept = 1024;

    [ThreadStatic]
    private static KeyValuePair<string, StringValues>[]? _kept;

    private readonly KeyValuePair<string, StringValues>[] _fields;
    private readonly int _count;

    private HeaderFields(KeyValuePair<string, StringValues>[] fields, int count) => (_fields, _count) = (fields, count);

    /// <summary>The names and values, as of the time they were captured.</summary>
    public ReadOnlySpan<KeyValuePair<string, StringValues>> Span => _fields.AsSpan(0, _count);

    /// <summary>Captures the headers of a request; the request's headers may be modified meanwhile.</summary>
    public static HeaderFields Of(IHeaderDictionary headers)
    {
        ArgumentNullException.ThrowIfNull(headers);
        var count = headers.Count;
        var fields = _kept;
        _kept = null;
        if (fields is null || fields.Length < count)
            fields = new KeyValuePair<string, StringValues>[Math.Max(Fewest, count)];
        headers.CopyTo(fields, 0);
        return new HeaderFields(fields, count);
    }

    /// <summary>Clears the captured values and keeps the buffer for the next request on this thread.</summary>
    public void Dispose()
    {
        Array.Clear(_fields, 0, _count);
        if (_fields.Length <= MostKept)
            _kept = _fields;
    }
}
