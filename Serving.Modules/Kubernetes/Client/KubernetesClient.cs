using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;

namespace Serving.Kubernetes;

/// <summary>The Kubernetes API over HTTP.</summary>
public sealed class KubernetesClient : IKubernetesClient, IDisposable
{
    private readonly KubernetesConfiguration _configuration;
    private readonly KubernetesClientOptions _options;
    private readonly TimeProvider _time;
    private readonly AnswerSignal _answers;
    private readonly Transport _transport;

    /// <param name="configuration">Where the server is and who we are.</param>
    /// <param name="options">Bounds; the defaults when null.</param>
    /// <param name="time">The clock of time-outs and delays.</param>
    public KubernetesClient(KubernetesConfiguration configuration, KubernetesClientOptions? options = null, TimeProvider? time = null)
        : this(configuration, options, time, new AnswerSignal())
    {
    }

    private KubernetesClient(KubernetesConfiguration configuration, KubernetesClientOptions? options, TimeProvider? time, AnswerSignal answers)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        _configuration = configuration;
        _options = options ?? new KubernetesClientOptions();
        _time = time ?? TimeProvider.System;
        _answers = answers;
        _transport = new Transport(configuration, _options, _time, answers);
    }

    /// <inheritdoc/>
    public Task NextAnswer => _answers.Next;

    /// <summary>The configuration it was made from.</summary>
    public KubernetesConfiguration Configuration => _configuration;

    /// <summary>
    /// A client with connections of its own and short deadlines, for leases: a renewal must not queue behind other traffic,
    /// and one that hangs must leave time for another. The caller disposes it.
    /// </summary>
    public KubernetesClient CreateLeaseClient()
        => new(_configuration, _options with { RequestTimeout = TimeSpan.FromSeconds(5), Attempts = 1 }, _time, _answers);

    /// <inheritdoc/>
    public Task<T> GetAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation)
        where T : class, IKubernetesObject
        => SendAsync(type, What("get", type, ns, name), HttpMethod.Get, type.ObjectPath(ns, name), null, cancellation);

    /// <inheritdoc/>
    public async Task<KubernetesList<T>> ListAsync<T>(ResourceType<T> type, string? ns, ListOptions? options, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        var what = What("list", type, ns, "");
        var whole = options ?? new ListOptions();
        var onePage = whole.Limit is not null;
        var page = onePage ? whole : whole with { Limit = _options.PageSize };
        var items = new List<T>();
        while (true)
        {
            var call = new Transport.Call(what, HttpMethod.Get, type.CollectionPath(ns) + QueryOf(page).ToString());
            KubernetesList<T> list;
            try
            {
                list = await _transport.SendAsync(call, (stream, token) => ReadAsync(stream, type.ListJson, token), cancellation).ConfigureAwait(false);
            }
            catch (KubernetesException gone) when (gone.IsGone && !onePage && page is { Limit: not null, Continue: not null })
            {
                // The pages grew old while we read them; a list in one piece cannot.
                items.Clear();
                page = whole;
                continue;
            }

            if (onePage || (list.Metadata.Continue.Length == 0 && items.Count == 0))
            {
                return list;
            }

            items.AddRange(list.Items);
            if (list.Metadata.Continue.Length == 0)
            {
                return list with { Items = items };
            }

            // The version to list at is part of the token.
            page = page with { Continue = list.Metadata.Continue, ResourceVersion = null };
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        ResourceType<T> type, string? ns, ListOptions options, [EnumeratorCancellation] CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(options);
        var seconds = Random.Shared.Next(300, 600);
        var query = QueryOf(options with { Limit = null, Continue = null }).Add("watch", "true").Add("allowWatchBookmarks", "true").Add("timeoutSeconds", seconds);
        var call = new Transport.Call(What("watch", type, ns, ""), HttpMethod.Get, type.CollectionPath(ns) + query);

        // The server ends the watch by itself; should it forget to, we do.
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds + 30), _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        using var response = await _transport.OpenAsync(call, either.Token).ConfigureAwait(false);
        await using var stream = await response.Content.ReadAsStreamAsync(either.Token).ConfigureAwait(false);
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 16 * 1024));
        while (true)
        {
            ReadResult read;
            try
            {
                read = await reader.ReadAsync(either.Token).ConfigureAwait(false);
            }
            catch (Exception error) when (error is HttpRequestException or IOException)
            {
                throw Transport.Unreachable(call, error);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                yield break;
            }

            var rest = read.Buffer;
            while (rest.PositionOf((byte)'\n') is { } end)
            {
                var line = rest.Slice(0, end);
                rest = rest.Slice(rest.GetPosition(1, end));
                if (!line.IsEmpty)
                {
                    yield return ReadEvent(type, call.What, line);
                }
            }

            reader.AdvanceTo(rest.Start, read.Buffer.End);
            if (read.IsCompleted)
            {
                yield break;
            }
        }
    }

    /// <inheritdoc/>
    public Task<T> CreateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(value);
        var meta = value.Metadata;
        var path = type.CollectionPath(meta.Namespace) + QueryOf(options);
        return SendAsync(type, What("create", type, meta.Namespace, meta.Name), HttpMethod.Post, path, BodyOf(type, value), cancellation);
    }

    /// <inheritdoc/>
    public async Task<T> UpdateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(value);
        var whole = await Slimming.WholeAsync(this, type, value, cancellation).ConfigureAwait(false);
        return await PutAsync(type, whole, null, options, cancellation).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public Task<T> UpdateStatusAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject
        => PutAsync(type, value, "status", options, cancellation);

    /// <inheritdoc/>
    public Task<T> PatchAsync<T>(
        ResourceType<T> type, string? ns, string name, Patch patch, CancellationToken cancellation, WriteOptions? options = null, string? subresource = null)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(patch);
        var contentType = patch.Type switch
        {
            PatchType.Json => "application/json-patch+json",
            PatchType.Merge => "application/merge-patch+json",
            PatchType.StrategicMerge => "application/strategic-merge-patch+json",
            _ => "application/apply-patch+yaml",
        };
        var query = QueryOf(options);
        if (patch.Type == PatchType.Apply && options?.Force == true)
        {
            query.Add("force", "true");
        }

        var verb = patch.Type == PatchType.Apply ? "apply" : "patch";
        return SendAsync(
            type, What(verb, type, ns, name, subresource), HttpMethod.Patch, type.ObjectPath(ns, name, subresource) + query,
            Encoding.UTF8.GetBytes(patch.Body), cancellation, contentType);
    }

    /// <inheritdoc/>
    public Task DeleteAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation, DeleteOptions? options = null)
        where T : class, IKubernetesObject
    {
        var call = new Transport.Call(What("delete", type, ns, name), HttpMethod.Delete, type.ObjectPath(ns, name), DeleteBody(options));
        return _transport.SendAsync(call, static (_, _) => ValueTask.FromResult(0), cancellation);
    }

    /// <inheritdoc/>
    public Task<T> UpdateSubresourceAsync<T>(ResourceType<T> type, T value, string subresource, CancellationToken cancellation)
        where T : class, IKubernetesObject
        => PutAsync(type, value, subresource, null, cancellation);

    /// <summary>Reads any path, as <c>/version</c> or <c>/apis</c>, as JSON. The caller disposes the document.</summary>
    public Task<JsonDocument> GetRawAsync(string pathAndQuery, CancellationToken cancellation)
        => _transport.SendAsync(
            new Transport.Call($"get {pathAndQuery}", HttpMethod.Get, pathAndQuery),
            static async (stream, token) => await JsonDocument.ParseAsync(stream, default, token).ConfigureAwait(false),
            cancellation);

    /// <inheritdoc/>
    public void Dispose() => _transport.Dispose();

    private static string What(string verb, ResourceType type, string? ns, string name, string? subresource = null)
    {
        var resource = type.Group.Length == 0 ? type.Plural : $"{type.Plural}.{type.Group}";
        var key = string.IsNullOrEmpty(ns) ? name : name.Length == 0 ? $"in {ns}" : $"{ns}/{name}";
        return $"{verb} {resource}{(subresource is null ? "" : "/" + subresource)} {key}".TrimEnd();
    }

    private static byte[] BodyOf<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(value, type.Json);
        if (value.Kind.Length > 0 && value.ApiVersion.Length > 0)
        {
            return body;
        }

        // Objects made by us, and items of lists, don't say what they are; the server wants them to.
        var node = System.Text.Json.Nodes.JsonNode.Parse(body)!;
        node["apiVersion"] = type.ApiVersion;
        node["kind"] = type.Kind;
        return Encoding.UTF8.GetBytes(node.ToJsonString());
    }

    private static byte[]? DeleteBody(DeleteOptions? options)
    {
        if (options is null)
        {
            return null;
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString("apiVersion", "v1");
            writer.WriteString("kind", "DeleteOptions");
            if (options.Propagation is { } propagation)
            {
                writer.WriteString("propagationPolicy", propagation);
            }

            if (options.GracePeriodSeconds is { } grace)
            {
                writer.WriteNumber("gracePeriodSeconds", grace);
            }

            if (options.Uid is not null || options.ResourceVersion is not null)
            {
                writer.WriteStartObject("preconditions");
                if (options.Uid is { } uid)
                {
                    writer.WriteString("uid", uid);
                }

                if (options.ResourceVersion is { } version)
                {
                    writer.WriteString("resourceVersion", version);
                }

                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static WatchEvent<T> ReadEvent<T>(ResourceType<T> type, string what, ReadOnlySequence<byte> line)
        where T : class, IKubernetesObject
    {
        using var document = JsonDocument.Parse(line);
        var value = document.RootElement.GetProperty("object");
        var kind = document.RootElement.GetProperty("type").GetString();
        if (kind == "ERROR")
        {
            throw new KubernetesException(what, value.Deserialize(ApiJson.Default.Status) ?? new Status { Message = "the watch failed" });
        }

        return new WatchEvent<T>(
            kind switch
            {
                "ADDED" => WatchEventType.Added,
                "MODIFIED" => WatchEventType.Modified,
                "DELETED" => WatchEventType.Deleted,
                "BOOKMARK" => WatchEventType.Bookmark,
                _ => throw new JsonException($"{what}: unknown event {kind}"),
            },
            value.Deserialize(type.Json) ?? throw new JsonException($"{what}: an event without object"));
    }

    private static async ValueTask<T> ReadAsync<T>(Stream stream, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> json, CancellationToken cancellation)
        => await JsonSerializer.DeserializeAsync(stream, json, cancellation).ConfigureAwait(false) ?? throw new JsonException("expected an object, got null");

    private static Query QueryOf(ListOptions options) => new Query()
        .Add("labelSelector", options.LabelSelector)
        .Add("fieldSelector", options.FieldSelector)
        .Add("resourceVersion", options.ResourceVersion)
        .Add("limit", options.Limit)
        .Add("continue", options.Continue);

    private Query QueryOf(WriteOptions? options) => new Query()
        .Add("fieldManager", options?.FieldManager ?? _options.FieldManager)
        .Add("dryRun", options?.DryRun == true ? "All" : null)
        .Add("fieldValidation", options?.FieldValidation);

    private Task<T> PutAsync<T>(ResourceType<T> type, T value, string? subresource, WriteOptions? options, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(value);
        var (ns, name) = (value.Metadata.Namespace, value.Metadata.Name);
        return SendAsync(
            type, What("update", type, ns, name, subresource), HttpMethod.Put, type.ObjectPath(ns, name, subresource) + QueryOf(options), BodyOf(type, value), cancellation);
    }

    private Task<T> SendAsync<T>(
        ResourceType<T> type, string what, HttpMethod method, string path, byte[]? body, CancellationToken cancellation, string contentType = "application/json")
        where T : class, IKubernetesObject
        => _transport.SendAsync(new Transport.Call(what, method, path, body, contentType), (stream, token) => ReadAsync(stream, type.Json, token), cancellation);
}
