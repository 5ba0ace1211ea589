using System.Globalization;
using System.Text;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Filters and truncates the lines of a log for a request.</summary>
internal sealed class LogLines
{
    private readonly bool _haveTimes;
    private readonly bool _timestamps;
    private readonly DateTimeOffset? _since;
    private readonly long? _limit;
    private readonly StringBuilder _partial = new();
    private readonly char[] _buffer = new char[1 << 14];
    private long _written;

    /// <param name="request">The request, with its log options.</param>
    /// <param name="now">The current time, for <c>sinceSeconds</c>.</param>
    /// <param name="haveTimes">Whether each line starts with its time; otherwise lines are returned unchanged, regardless of their
    /// age.</param>
    public LogLines(ResourceRequest request, DateTimeOffset now, bool haveTimes)
    {
        _haveTimes = haveTimes;
        _timestamps = request.Flag("timestamps");
        _limit = request.Number("limitBytes");
        if (request.Number("sinceSeconds") is { } seconds)
            _since = now.AddSeconds(-seconds);
        else if (
            DateTimeOffset.TryParse(request.Query("sinceTime"), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var since)
        )
            _since = since;
    }

    /// <summary>Whether the requested limit is reached.</summary>
    public bool IsFull => _limit is { } limit && _written >= limit;

    /// <summary>Writes the available lines; at the end also an incomplete line.</summary>
    public async Task CopyAsync(StreamReader reader, Stream output, bool isEnd, CancellationToken cancellation)
    {
        int read;
        while (!IsFull && (read = await reader.ReadAsync(_buffer, cancellation)) > 0)
        {
            _partial.Append(_buffer, 0, read);
            await WriteLinesAsync(output, false, cancellation);
        }

        if (isEnd && !IsFull)
            await WriteLinesAsync(output, true, cancellation);
    }

    private async Task WriteLinesAsync(Stream output, bool withRest, CancellationToken cancellation)
    {
        var text = _partial.ToString();
        var result = new StringBuilder();
        var start = 0;
        for (var end = text.IndexOf('\n', start); end >= 0; end = text.IndexOf('\n', start))
        {
            Append(result, text[start..(end + 1)]);
            start = end + 1;
        }

        if (withRest && start < text.Length)
        {
            Append(result, text[start..]);
            start = text.Length;
        }

        _partial.Remove(0, start);
        if (result.Length == 0)
            return;
        var bytes = Encoding.UTF8.GetBytes(result.ToString());
        var length = _limit is { } limit ? (int)Math.Min(bytes.Length, limit - _written) : bytes.Length;
        _written += length;
        await output.WriteAsync(bytes.AsMemory(0, length), cancellation);
    }

    private void Append(StringBuilder result, string line)
    {
        if (!_haveTimes)
        {
            result.Append(line);
            return;
        }

        var space = line.IndexOf(' ', StringComparison.Ordinal);
        if (space < 0)
            return;
        if (
            _since is { } since
            && DateTimeOffset.TryParse(line.AsSpan(0, space), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var at)
            && at < since
        )
            return;
        result.Append(_timestamps ? line : line[(space + 1)..]);
    }
}
