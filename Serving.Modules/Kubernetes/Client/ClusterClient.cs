using System.Buffers;
using System.Diagnostics;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client.Handlers;
using Serving.Kubernetes.Informers;

namespace Serving.Kubernetes.Client;

/// <summary>
/// The typed client over the KubernetesClient package: our records with source-generated metadata, paths from <see cref="ResourceType"/>,
/// and requests through one <see cref="k8s.Kubernetes"/> whose handlers apply the bounds of <see cref="ClusterClientOptions"/>.
/// </summary>
public sealed class ClusterClient : IKubernetesClient, IDisposable
{
    private readonly ClusterAccess _access;
    private readonly ClusterClientOptions _options;
    private readonly TimeProvider _time;
    private readonly ResponseSignal _signal;
    private readonly ApiConnection _connection;

    /// <param name="access">The server and our credentials.</param>
    /// <param name="options">Bounds; the defaults when null.</param>
    /// <param name="time">The clock of timeouts and delays.</param>
    public ClusterClient(ClusterAccess access, ClusterClientOptions? options = null, TimeProvider? time = null)
        : this(access, options, time, new ResponseSignal()) { }

    private ClusterClient(ClusterAccess access, ClusterClientOptions? options, TimeProvider? time, ResponseSignal signal)
    {
        ArgumentNullException.ThrowIfNull(access);
        _access = access;
        _options = options ?? new ClusterClientOptions();
        _time = time ?? TimeProvider.System;
        _signal = signal;
        _connection = new ApiConnection(access, _options, _time, signal);
    }

    /// <inheritdoc/>
    public Task NextResponse => _signal.Next;

    /// <summary>The access that the client was created with.</summary>
    public ClusterAccess Access => _access;

    /// <summary>The package's own operations, for kinds without a record of ours. They use the same handlers and throw the same
    /// exceptions.</summary>
    public k8s.IKubernetes Operations => _connection.Operations;

    /// <summary>
    /// Creates a client with its own connections and short deadlines, for leases: a renewal must not queue behind other traffic, and must
    /// fail early enough for another attempt. The caller disposes it.
    /// </summary>
    public ClusterClient CreateLeaseClient() =>
        new(_access, _options with { RequestTimeout = TimeSpan.FromSeconds(5), Attempts = 1 }, _time, _signal);

    /// <inheritdoc/>
    public Task<T> GetAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation)
        where T : class, IKubernetesObject =>
        SendAsync(type, ApiOperation.Of("get", type, ns, name), HttpMethod.Get, type.ObjectPath(ns, name), null, cancellation);

    /// <inheritdoc/>
    public async Task<KubernetesList<T>> ListAsync<T>(
        ResourceType<T> type,
        string? ns,
        ListOptions? options,
        CancellationToken cancellation
    )
        where T : class, IKubernetesObject
    {
        var operation = ApiOperation.Of("list", type, ns, "");
        var whole = options ?? new ListOptions();
        var onePage = whole.Limit is not null;
        var page = onePage ? whole : whole with { Limit = _options.PageSize };
        var items = new List<T>();
        while (true)
        {
            var request = new ApiRequest(operation, HttpMethod.Get, type.CollectionPath(ns) + QueryOf(page));
            KubernetesList<T> list;
            try
            {
                list = await SendAsync(request, type.ListJson, cancellation);
            }
            catch (KubernetesException gone) when (gone.IsGone && !onePage && page is { Limit: not null, Continue: not null })
            {
                // The continue token expired while we read the pages; restart with one unpaged list, which cannot expire.
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

            // The continue token contains the resourceVersion.
            page = page with
            {
                Continue = list.Metadata.Continue,
                ResourceVersion = null,
            };
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        ResourceType<T> type,
        string? ns,
        ListOptions options,
        [EnumeratorCancellation] CancellationToken cancellation
    )
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(options);
        var seconds = Random.Shared.Next(300, 600);
        var query = QueryOf(options with { Limit = null, Continue = null })
            .Add("watch", "true")
            .Add("allowWatchBookmarks", "true")
            .Add("timeoutSeconds", seconds);
        var request = new ApiRequest(ApiOperation.Of("watch", type, ns, ""), HttpMethod.Get, type.CollectionPath(ns) + query);

        // The server ends the watch after the timeout; this limit applies when it does not.
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds + 30), _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        using var response = await _connection.SendAsync(request, either.Token);
        await using var stream = await response.Content.ReadAsStreamAsync(either.Token);
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 16 * 1024));
        while (true)
        {
            ReadResult read;
            try
            {
                read = await reader.ReadAsync(either.Token);
            }
            catch (Exception error) when (error is HttpRequestException or IOException)
            {
                throw AttemptHandler.Unreachable(request.Operation.ToString(), error);
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
                    yield return ReadEvent(type, request.Operation, line);
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
        return SendAsync(
            type,
            ApiOperation.Of("create", type, meta.Namespace, meta.Name),
            HttpMethod.Post,
            path,
            BodyOf(type, value),
            cancellation
        );
    }

    /// <inheritdoc/>
    public async Task<T> UpdateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(value);
        var whole = await CacheTransform.WholeAsync(this, type, value, cancellation);
        return await PutAsync(type, whole, null, options, cancellation);
    }

    /// <inheritdoc/>
    public Task<T> UpdateStatusAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject => PutAsync(type, value, "status", options, cancellation);

    /// <inheritdoc/>
    public Task<T> PatchAsync<T>(
        ResourceType<T> type,
        string? ns,
        string name,
        Patch patch,
        CancellationToken cancellation,
        WriteOptions? options = null,
        string? subresource = null
    )
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
            type,
            ApiOperation.Of(verb, type, ns, name, subresource),
            HttpMethod.Patch,
            type.ObjectPath(ns, name, subresource) + query,
            Encoding.UTF8.GetBytes(patch.Body),
            cancellation,
            contentType
        );
    }

    /// <inheritdoc/>
    public async Task DeleteAsync<T>(
        ResourceType<T> type,
        string? ns,
        string name,
        CancellationToken cancellation,
        DeleteOptions? options = null
    )
        where T : class, IKubernetesObject
    {
        var body = options is null
            ? null
            : JsonSerializer.SerializeToUtf8Bytes(DeleteRequest.Of(options), ClientJson.Default.DeleteRequest);
        var request = new ApiRequest(ApiOperation.Of("delete", type, ns, name), HttpMethod.Delete, type.ObjectPath(ns, name), body);
        using var span = ApiSpan.Start(request.Operation);
        using var response = await SendAsync(request, span, cancellation);
    }

    /// <inheritdoc/>
    public Task<T> UpdateSubresourceAsync<T>(ResourceType<T> type, T value, string subresource, CancellationToken cancellation)
        where T : class, IKubernetesObject => PutAsync(type, value, subresource, null, cancellation);

    /// <summary>Reads any path, such as <c>/version</c> or <c>/apis</c>, as JSON. The caller disposes the document.</summary>
    public Task<JsonDocument> GetRawAsync(string pathAndQuery, CancellationToken cancellation) =>
        SendAsync(
            new ApiRequest(ApiOperation.OfPath("get", pathAndQuery), HttpMethod.Get, pathAndQuery),
            ClientJson.Default.JsonDocument,
            cancellation
        );

    /// <inheritdoc/>
    public void Dispose() => _connection.Dispose();

    private static byte[] BodyOf<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(value, type.Json);
        if (value.Kind.Length > 0 && value.ApiVersion.Length > 0)
        {
            return body;
        }

        // The server requires apiVersion and kind, which objects created here and items of lists lack.
        var node = System.Text.Json.Nodes.JsonNode.Parse(body)!;
        node["apiVersion"] = type.ApiVersion;
        node["kind"] = type.Kind;
        return Encoding.UTF8.GetBytes(node.ToJsonString());
    }

    /// <summary>Reads one event, and its object once, directly to its record: API servers write the type first.</summary>
    private static WatchEvent<T> ReadEvent<T>(ResourceType<T> type, ApiOperation operation, ReadOnlySequence<byte> line)
        where T : class, IKubernetesObject
    {
        var reader = new Utf8JsonReader(line);
        var skipped = default(Utf8JsonReader);
        var hasSkipped = false;
        string? kind = null;
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("type"u8);
            var isObject = reader.ValueTextEquals("object"u8);
            reader.Read();
            if (isType)
                kind = reader.GetString();
            else if (isObject && kind is not null)
                return EventOf(type, operation, kind, ref reader);
            if (isObject)
            {
                skipped = reader;
                hasSkipped = true;
            }

            reader.Skip();
        }

        return kind is not null && hasSkipped
            ? EventOf(type, operation, kind, ref skipped)
            : throw new JsonException($"{operation}: an event without type or object");
    }

    private static WatchEvent<T> EventOf<T>(ResourceType<T> type, ApiOperation operation, string kind, ref Utf8JsonReader reader)
        where T : class, IKubernetesObject
    {
        if (kind == "ERROR")
        {
            var status = JsonSerializer.Deserialize(ref reader, ApiJson.Default.Status);
            throw new KubernetesException(operation.ToString(), status ?? new Status { Message = "the watch failed" });
        }

        var value = JsonSerializer.Deserialize(ref reader, type.Json) ?? throw new JsonException($"{operation}: an event without object");
        return new WatchEvent<T>(TypeOf(kind, operation), value);
    }

    private static WatchEventType TypeOf(string kind, ApiOperation operation) =>
        kind switch
        {
            "ADDED" => WatchEventType.Added,
            "MODIFIED" => WatchEventType.Modified,
            "DELETED" => WatchEventType.Deleted,
            "BOOKMARK" => WatchEventType.Bookmark,
            _ => throw new JsonException($"{operation}: unknown event {kind}"),
        };

    private static Query QueryOf(ListOptions options) =>
        new Query()
            .Add("labelSelector", options.LabelSelector)
            .Add("fieldSelector", options.FieldSelector)
            .Add("resourceVersion", options.ResourceVersion)
            .Add("limit", options.Limit)
            .Add("continue", options.Continue);

    private Query QueryOf(WriteOptions? options) =>
        new Query()
            .Add("fieldManager", options?.FieldManager ?? _options.FieldManager)
            .Add("dryRun", options?.DryRun == true ? "All" : null)
            .Add("fieldValidation", options?.FieldValidation);

    private Task<T> PutAsync<T>(ResourceType<T> type, T value, string? subresource, WriteOptions? options, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(value);
        var (ns, name) = (value.Metadata.Namespace, value.Metadata.Name);
        return SendAsync(
            type,
            ApiOperation.Of("update", type, ns, name, subresource),
            HttpMethod.Put,
            type.ObjectPath(ns, name, subresource) + QueryOf(options),
            BodyOf(type, value),
            cancellation
        );
    }

    private Task<T> SendAsync<T>(
        ResourceType<T> type,
        ApiOperation operation,
        HttpMethod method,
        string path,
        byte[]? body,
        CancellationToken cancellation,
        string contentType = "application/json"
    )
        where T : class, IKubernetesObject =>
        SendAsync(new ApiRequest(operation, method, path, body, contentType), type.Json, cancellation);

    private async Task<HttpResponseMessage> SendAsync(ApiRequest request, Activity? span, CancellationToken cancellation)
    {
        try
        {
            return await _connection.SendAsync(request, cancellation);
        }
        catch (KubernetesException failure)
        {
            ApiSpan.Failed(span, failure);
            throw;
        }
    }

    /// <summary>Sends a request and deserializes the response, which the handlers have buffered.</summary>
    private async Task<T> SendAsync<T>(ApiRequest request, JsonTypeInfo<T> json, CancellationToken cancellation)
        where T : class
    {
        using var span = ApiSpan.Start(request.Operation);
        using var response = await SendAsync(request, span, cancellation);
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
            var value = JsonSerializer.Deserialize(stream, json) ?? throw new JsonException("expected an object, got null");
            ApiSpan.Succeeded(span, value);
            return value;
        }
        catch (JsonException error)
        {
            throw AttemptHandler.Unreadable(request.Operation.ToString(), error);
        }
    }
}
