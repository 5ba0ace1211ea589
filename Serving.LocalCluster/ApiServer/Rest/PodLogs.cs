using System.Globalization;
using System.Text;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>
/// Serves the logs that the node writes: <c>pods/NAMESPACE_POD_UID/CONTAINER/RESTART.log</c> in the data directory, each line with its time
/// before it.
/// </summary>
internal sealed class PodLogs(string dataDirectory, ObjectStore store)
{
    private static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(200);

    public async Task WriteAsync(ResourceRequest request, StoredObject pod, CancellationToken stopping)
    {
        var document = pod.Document();
        var container = ContainerOf(request, document);
        var directory = Path.Combine(dataDirectory, "pods", $"{pod.Namespace}_{pod.Name}_{pod.Uid}", container);
        var path = Newest(directory, request.Flag("previous"));
        if (path is null)
        {
            if (request.Flag("previous"))
                throw ApiException.BadRequest($"previous terminated container \"{container}\" in pod \"{pod.Name}\" not found");
            var waiting = (document.Array("status", "containerStatuses") ?? []).FirstOrDefault(s => s.String("name") == container).String("state", "waiting", "reason");
            throw ApiException.BadRequest(
                $"container \"{container}\" in pod \"{pod.Name}\" is waiting to start: {waiting ?? "ContainerCreating"}");
        }

        var response = request.Context.Response;
        response.ContentType = "text/plain";
        var writer = new LineWriter(request, store.Time.GetUtcNow());
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, useAsync: true);
        if (request.Number("tailLines") is { } tail)
            SeekToTail(stream, tail);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(request.Cancellation, stopping);
        await response.Body.FlushAsync(ending.Token).ConfigureAwait(false);
        using var reader = new StreamReader(stream, Encoding.UTF8, false, 1 << 16, leaveOpen: true);
        var follows = request.Flag("follow");
        while (true)
        {
            var isOver = !follows || IsOver(pod, container, path, directory);
            await writer.CopyAsync(reader, response.Body, isOver, ending.Token).ConfigureAwait(false);
            if (isOver || writer.IsFull)
                return;
            await response.Body.FlushAsync(ending.Token).ConfigureAwait(false);
            await Task.Delay(s_poll, store.Time, ending.Token).ConfigureAwait(false);
        }
    }

    // Nothing more is to come once the container has ended, started anew or gone with its pod.
    private bool IsOver(StoredObject pod, string container, string path, string directory)
    {
        if (store.Get("", "pods", pod.Namespace, pod.Name) is not { } now || now.Uid != pod.Uid || Newest(directory, previous: false) != path)
            return true;
        var document = now.Document();
        return (document.Array("status", "containerStatuses") ?? []).Concat(document.Array("status", "initContainerStatuses") ?? [])
            .Any(s => s.String("name") == container && s.Object("state", "running") is null && s.Object("state", "terminated") is not null);
    }

    private static string ContainerOf(ResourceRequest request, System.Text.Json.Nodes.JsonObject document)
    {
        var names = (document.Array("spec", "containers") ?? []).Concat(document.Array("spec", "initContainers") ?? [])
            .Select(c => c.String("name") ?? "").ToList();
        var asked = request.Query("container");
        if (string.IsNullOrEmpty(asked))
        {
            if (document.Array("spec", "containers") is { Count: > 1 })
                throw ApiException.BadRequest($"a container name must be specified for pod {request.Name}, choose one of: [{string.Join(' ', names)}]");
            return names[0];
        }

        return names.Contains(asked) ? asked : throw ApiException.BadRequest($"container {asked} is not valid for pod {request.Name}");
    }

    private static string? Newest(string directory, bool previous)
    {
        if (!Directory.Exists(directory))
            return null;
        var logs = Directory.EnumerateFiles(directory, "*.log")
            .Select(f => (Path: f, Number: int.TryParse(Path.GetFileNameWithoutExtension(f), CultureInfo.InvariantCulture, out var number) ? number : -1))
            .Where(f => f.Number >= 0)
            .OrderByDescending(f => f.Number)
            .ToList();
        var index = previous ? 1 : 0;
        return logs.Count > index ? logs[index].Path : null;
    }

    // Reads backwards in blocks until enough line ends are seen.
    private static void SeekToTail(FileStream stream, long lines)
    {
        var block = new byte[1 << 16];
        var position = stream.Length;
        var seen = 0L;
        while (position > 0)
        {
            var size = (int)Math.Min(block.Length, position);
            position -= size;
            stream.Position = position;
            stream.ReadExactly(block, 0, size);
            for (var i = size - 1; i >= 0; i--)
            {
                // The last line's own end does not count.
                if (block[i] == '\n' && position + i != stream.Length - 1 && ++seen >= lines)
                {
                    stream.Position = position + i + 1;
                    return;
                }
            }
        }

        stream.Position = lines == 0 ? stream.Length : 0;
    }

    private sealed class LineWriter
    {
        private readonly bool _timestamps;
        private readonly DateTimeOffset? _since;
        private readonly long? _limit;
        private readonly StringBuilder _partial = new();
        private readonly char[] _buffer = new char[1 << 14];
        private long _written;

        public LineWriter(ResourceRequest request, DateTimeOffset now)
        {
            _timestamps = request.Flag("timestamps");
            _limit = request.Number("limitBytes");
            if (request.Number("sinceSeconds") is { } seconds)
                _since = now.AddSeconds(-seconds);
            else if (DateTimeOffset.TryParse(request.Query("sinceTime"), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var since))
                _since = since;
        }

        public bool IsFull => _limit is { } limit && _written >= limit;

        public async Task CopyAsync(StreamReader reader, Stream output, bool isEnd, CancellationToken cancellation)
        {
            int read;
            while (!IsFull && (read = await reader.ReadAsync(_buffer, cancellation).ConfigureAwait(false)) > 0)
            {
                _partial.Append(_buffer, 0, read);
                await WriteLinesAsync(output, false, cancellation).ConfigureAwait(false);
            }

            if (isEnd && !IsFull)
                await WriteLinesAsync(output, true, cancellation).ConfigureAwait(false);
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
            await output.WriteAsync(bytes.AsMemory(0, length), cancellation).ConfigureAwait(false);
        }

        private void Append(StringBuilder result, string line)
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            if (space < 0)
                return;
            if (_since is { } since && DateTimeOffset.TryParse(line.AsSpan(0, space), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var at) && at < since)
                return;
            result.Append(_timestamps ? line : line[(space + 1)..]);
        }
    }
}
