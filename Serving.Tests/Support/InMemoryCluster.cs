using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Selectors;
using Serving.LocalCluster.ApiServer.Kinds;

namespace Serving.Tests.Support;

/// <summary>
/// A Kubernetes API in memory for tests of reconcilers: client and informers over one store. It supports resourceVersions,
/// conflicts, generations, the status subresource, finalizers and patches, and validates writes like an API server
/// (<see cref="WriteRules"/>); nothing else happens by itself. Handlers of its informers run before a write returns.
/// </summary>
public sealed class InMemoryCluster : IKubernetesClient, IInformers
{
    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly Dictionary<string, SortedDictionary<string, JsonObject>> _store = [];
    private readonly Dictionary<(ResourceType Type, string? Namespace, string? Selector), IObserver> _informers = [];
    private readonly List<Action<ResourceType, WatchEventType, JsonObject>> _watches = [];
    private readonly List<(Func<Request, bool> When, Exception Error)> _failures = [];
    private readonly List<Request> _requests = [];
    private long _version = 100;

    /// <param name="time">The clock of creation and deletion timestamps.</param>
    public InMemoryCluster(TimeProvider? time = null) => _time = time ?? TimeProvider.System;

    /// <summary>The store's interface to informers.</summary>
    internal interface IObserver
    {
        ResourceType Type { get; }
        void Observe(IKubernetesObject value, bool deleted);
    }

    /// <summary>One write that reached the store: verb (<c>create</c>, <c>update</c>, <c>update-status</c>, <c>patch</c>, <c>resize</c>,
    /// <c>delete</c>),
    /// plural and key.</summary>
    public sealed record Request(string Verb, string Plural, ObjectKey Key);

    /// <summary>The writes since the start or the last <see cref="ForgetWrites"/>, including rejected ones.</summary>
    public IReadOnlyList<Request> Writes
    {
        get
        {
            lock (_lock)
            {
                return [.. _requests];
            }
        }
    }

    /// <summary>Empties <see cref="Writes"/>.</summary>
    public void ForgetWrites()
    {
        lock (_lock)
        {
            _requests.Clear();
        }
    }

    /// <summary>Makes the next request (including reads: <c>get</c>, <c>list</c>) that matches <paramref name="when"/> fail.</summary>
    public void FailNext(Func<Request, bool> when, Exception error)
    {
        lock (_lock)
        {
            _failures.Add((when, error));
        }
    }

    /// <summary>Stores an object unchanged, including its status, creating or replacing it; sets missing uid, version and times.</summary>
    public T Put<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject
    {
        lock (_lock)
        {
            var json = ToJson(type, value);
            var existing = Objects(type).GetValueOrDefault(KeyOf(type, value.Metadata.Namespace, value.Metadata.Name));
            var meta = (JsonObject)json["metadata"]!;
            meta["uid"] ??= (string?)existing?["metadata"]!["uid"] ?? Guid.NewGuid().ToString();
            meta["generation"] ??= (long?)existing?["metadata"]!["generation"] ?? 1L;
            meta["creationTimestamp"] ??= (string?)existing?["metadata"]!["creationTimestamp"] ?? Now();
            return Store(type, json, existing is null);
        }
    }

    /// <summary>The stored object, or null.</summary>
    public T? Find<T>(ResourceType<T> type, string? ns, string name)
        where T : class, IKubernetesObject
    {
        lock (_lock)
        {
            return Objects(type).TryGetValue(KeyOf(type, ns, name), out var json) ? FromJson(type, json) : null;
        }
    }

    /// <summary>The stored objects, ordered by namespace and name.</summary>
    public IReadOnlyList<T> All<T>(ResourceType<T> type, string? ns = null)
        where T : class, IKubernetesObject
    {
        lock (_lock)
        {
            return
            [
                .. Objects(type)
                    .Values.Select(json => FromJson(type, json))
                    .Where(value => string.IsNullOrEmpty(ns) || value.Metadata.Namespace == ns),
            ];
        }
    }

    public Task<T> GetAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation)
        where T : class, IKubernetesObject => Do(type, "get", ns, name, () => FromJson(type, Existing(type, ns, name)));

    public Task<KubernetesList<T>> ListAsync<T>(ResourceType<T> type, string? ns, ListOptions? options, CancellationToken cancellation)
        where T : class, IKubernetesObject =>
        Do(
            type,
            "list",
            ns,
            "",
            () =>
            {
                var labels = LabelMatcher.Parse(options?.LabelSelector);
                var items = Objects(type)
                    .Values.Where(json => MatchesFields(json, options?.FieldSelector))
                    .Select(json => FromJson(type, json))
                    .Where(value => (string.IsNullOrEmpty(ns) || value.Metadata.Namespace == ns) && labels.Matches(value.Metadata.Labels));
                return new KubernetesList<T>
                {
                    ApiVersion = type.ApiVersion,
                    Kind = type.Kind + "List",
                    Metadata = new ListMeta { ResourceVersion = _version.ToString(CultureInfo.InvariantCulture) },
                    Items = [.. items],
                };
            }
        );

    public async IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        ResourceType<T> type,
        string? ns,
        ListOptions options,
        [EnumeratorCancellation] CancellationToken cancellation
    )
        where T : class, IKubernetesObject
    {
        var labels = LabelMatcher.Parse(options.LabelSelector);
        var events = Channel.CreateUnbounded<WatchEvent<T>>();
        void OnEvent(ResourceType changed, WatchEventType kind, JsonObject json)
        {
            if (
                changed.Plural == type.Plural
                && changed.Group == type.Group
                && FromJson(type, json) is var value
                && (string.IsNullOrEmpty(ns) || value.Metadata.Namespace == ns)
                && labels.Matches(value.Metadata.Labels)
            )
            {
                events.Writer.TryWrite(new WatchEvent<T>(kind, value));
            }
        }

        lock (_lock)
        {
            _watches.Add(OnEvent);
        }

        try
        {
            await foreach (var item in events.Reader.ReadAllAsync(cancellation))
            {
                yield return item;
            }
        }
        finally
        {
            lock (_lock)
            {
                _watches.Remove(OnEvent);
            }
        }
    }

    public Task<T> CreateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject =>
        Do(type, "create", value.Metadata.Namespace, value.Metadata.Name, () => Create(type, ToJson(type, value), options));

    public async Task<T> UpdateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject
    {
        var whole = await CacheTransform.WholeAsync(this, type, value, cancellation);
        return await Do(
            type,
            "update",
            whole.Metadata.Namespace,
            whole.Metadata.Name,
            () => Replace(type, ToJson(type, whole), status: false, options)
        );
    }

    public Task<T> UpdateStatusAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject =>
        Do(
            type,
            "update-status",
            value.Metadata.Namespace,
            value.Metadata.Name,
            () => Replace(type, ToJson(type, value), status: true, options)
        );

    public Task<T> PatchAsync<T>(
        ResourceType<T> type,
        string? ns,
        string name,
        Patch patch,
        CancellationToken cancellation,
        WriteOptions? options = null,
        string? subresource = null
    )
        where T : class, IKubernetesObject =>
        Do(
            type,
            subresource == PodResize.Subresource ? PodResize.Subresource : "patch",
            ns,
            name,
            () =>
            {
                var body = JsonNode.Parse(patch.Body)!;
                if (patch.Type == PatchType.Apply && !Objects(type).ContainsKey(KeyOf(type, ns, name)))
                {
                    return Create(type, body.AsObject(), options);
                }

                var current = Existing(type, ns, name).DeepClone();
                var patched = patch.Type switch
                {
                    PatchType.Json => InMemoryPatches.Json(current, body.AsArray()),
                    PatchType.StrategicMerge => InMemoryPatches.StrategicMerge(type, current.AsObject(), body.AsObject()),
                    _ => InMemoryPatches.Merge(current, body)!,
                };
                if (subresource == PodResize.Subresource)
                {
                    PodResize.Confine(Existing(type, ns, name), patched.AsObject());
                }

                return Replace(type, patched.AsObject(), subresource == "status", options, subresource);
            }
        );

    public Task DeleteAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation, DeleteOptions? options = null)
        where T : class, IKubernetesObject =>
        Do(
            type,
            "delete",
            ns,
            name,
            () =>
            {
                var json = (JsonObject)Existing(type, ns, name).DeepClone();
                var meta = (JsonObject)json["metadata"]!;
                if (
                    (options?.Uid is { } uid && uid != (string)meta["uid"]!)
                    || (options?.ResourceVersion is { } version && version != (string)meta["resourceVersion"]!)
                )
                {
                    throw Failure($"delete {type.Plural} {ns}/{name}", 409, "Conflict", "Precondition failed");
                }

                if (meta["finalizers"] is JsonArray { Count: > 0 })
                {
                    meta["deletionTimestamp"] ??= Now();
                    Store(type, json, added: false);
                }
                else
                {
                    Drop(type, json);
                }

                return 0;
            }
        );

    public IInformer<T> ForOne<T>(ResourceType<T> type, string ns, string name)
        where T : class, IKubernetesObject => For(type, ns);

    public IInformer<T> For<T>(ResourceType<T> type, string? ns = null, string? labelSelector = null)
        where T : class, IKubernetesObject
    {
        lock (_lock)
        {
            if (_informers.TryGetValue((type, ns, labelSelector), out var existing))
            {
                return (IInformer<T>)existing;
            }

            var informer = new InMemoryInformer<T>(type, ns, LabelMatcher.Parse(labelSelector));
            foreach (var json in Objects(type).Values)
            {
                informer.Observe(FromJson(type, json), deleted: false);
            }

            _informers[(type, ns, labelSelector)] = informer;
            return informer;
        }
    }

    public Task WaitForSyncAsync(CancellationToken cancellation) => Task.CompletedTask;

    private static KubernetesException Failure(string what, int code, string reason, string message) =>
        new(
            what,
            new Status
            {
                State = "Failure",
                Code = code,
                Reason = reason,
                Message = message,
            }
        );

    private static string KeyOf(ResourceType type, string? ns, string name) => type.Namespaced ? $"{ns}/{name}" : name;

    private static JsonObject ToJson<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject
    {
        var json = JsonSerializer.SerializeToNode(value, type.Json)!.AsObject();
        json["apiVersion"] = type.ApiVersion;
        json["kind"] = type.Kind;
        json["metadata"] ??= new JsonObject();
        return json;
    }

    private static T FromJson<T>(ResourceType<T> type, JsonObject json)
        where T : class, IKubernetesObject => json.Deserialize(type.Json)!;

    private static bool MatchesFields(JsonObject json, string? selector) =>
        string.IsNullOrEmpty(selector)
        || selector
            .Split(',')
            .All(requirement =>
            {
                var negated = requirement.Contains("!=", StringComparison.Ordinal);
                var parts = requirement.Split(negated ? "!=" : "=", 2);
                var value = parts[0].Split('.').Aggregate((JsonNode?)json, (node, part) => (node as JsonObject)?[part])?.ToString() ?? "";
                return (value == parts[1].TrimStart('=')) != negated;
            });

    private string Now() => _time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private Task<TResult> Do<TResult>(ResourceType type, string verb, string? ns, string name, Func<TResult> work)
    {
        lock (_lock)
        {
            var request = new Request(verb, type.Plural, new ObjectKey(ns ?? "", name));
            if (verb is not ("get" or "list"))
            {
                _requests.Add(request);
            }

            var index = _failures.FindIndex(failure => failure.When(request));
            if (index >= 0)
            {
                var error = _failures[index].Error;
                _failures.RemoveAt(index);
                return Task.FromException<TResult>(error);
            }

            try
            {
                return Task.FromResult(work());
            }
            catch (KubernetesException error)
            {
                return Task.FromException<TResult>(error);
            }
        }
    }

    private SortedDictionary<string, JsonObject> Objects(ResourceType type)
    {
        var key = $"{type.Plural}.{type.Group}";
        if (!_store.TryGetValue(key, out var objects))
        {
            _store[key] = objects = new(StringComparer.Ordinal);
        }

        return objects;
    }

    private JsonObject Existing(ResourceType type, string? ns, string name) =>
        Objects(type).TryGetValue(KeyOf(type, ns, name), out var json)
            ? json
            : throw Failure(
                $"{type.Plural} {ns}/{name}",
                404,
                "NotFound",
                $"{type.Plural}{(type.Group.Length > 0 ? "." + type.Group : "")} \"{name}\" not found"
            );

    private T Create<T>(ResourceType<T> type, JsonObject json, WriteOptions? options)
        where T : class, IKubernetesObject
    {
        var meta = (JsonObject)json["metadata"]!;
        if (meta["name"] is null && meta["generateName"] is { } prefix)
        {
            meta["name"] = $"{prefix}{_version:x5}";
        }

        var name =
            (string?)meta["name"]
            ?? throw Failure($"create {type.Plural}", 422, "Invalid", "metadata.name: Required value: name or generateName is required");
        var ns = (string?)meta["namespace"];
        if (Objects(type).ContainsKey(KeyOf(type, ns, name)))
        {
            throw Failure($"create {type.Plural} {ns}/{name}", 409, "AlreadyExists", $"{type.Plural} \"{name}\" already exists");
        }

        meta["uid"] = Guid.NewGuid().ToString();
        meta["generation"] = 1L;
        meta["creationTimestamp"] = Now();
        json.Remove("status");
        WriteRules.Check(type, json, old: null);
        return options?.DryRun == true ? FromJson(type, json) : Store(type, json, added: true);
    }

    private T Replace<T>(ResourceType<T> type, JsonObject wanted, bool status, WriteOptions? options, string? subresource = null)
        where T : class, IKubernetesObject
    {
        var meta = (JsonObject)wanted["metadata"]!;
        var (ns, name) = ((string?)meta["namespace"], (string)meta["name"]!);
        var current = Existing(type, ns, name);
        var version = (string?)meta["resourceVersion"];
        if (string.IsNullOrEmpty(version))
        {
            throw Failure(
                $"update {type.Plural} {ns}/{name}",
                422,
                "Invalid",
                "metadata.resourceVersion: Invalid value: 0: must be specified for an update"
            );
        }

        if (version != (string?)current["metadata"]!["resourceVersion"])
        {
            throw Failure(
                $"update {type.Plural} {ns}/{name}",
                409,
                "Conflict",
                $"Operation cannot be fulfilled on {type.Plural} \"{name}\": the object has been modified; please apply your changes to the latest version and try again"
            );
        }

        var result = status ? WithStatus(current, wanted) : WithStatus(wanted, current);
        if (!status)
        {
            KeepServerFields(current, result);
        }

        WriteRules.Check(type, result, current, subresource);
        if (JsonNode.DeepEquals(current, result) || options?.DryRun == true)
        {
            return FromJson(type, result);
        }

        if (result["metadata"]!["deletionTimestamp"] is not null && result["metadata"]!["finalizers"] is not JsonArray { Count: > 0 })
        {
            Drop(type, result);
            return FromJson(type, result);
        }

        return Store(type, result, added: false);
    }

    private static JsonObject WithStatus(JsonObject rest, JsonObject status)
    {
        var result = (JsonObject)rest.DeepClone();
        result.Remove("status");
        if (status["status"] is { } value)
        {
            result["status"] = value.DeepClone();
        }

        return result;
    }

    private static void KeepServerFields(JsonObject current, JsonObject result)
    {
        var (before, after) = ((JsonObject)current["metadata"]!, (JsonObject)result["metadata"]!);
        foreach (var field in (string[])["uid", "creationTimestamp", "generation", "deletionTimestamp"])
        {
            after.Remove(field);
            if (before[field] is { } value)
            {
                after[field] = value.DeepClone();
            }
        }

        static JsonObject Specification(JsonObject json)
        {
            var copy = (JsonObject)json.DeepClone();
            copy.Remove("metadata");
            copy.Remove("status");
            return copy;
        }

        if (!JsonNode.DeepEquals(Specification(current), Specification(result)))
        {
            after["generation"] = (long)before["generation"]! + 1;
        }
    }

    private T Store<T>(ResourceType<T> type, JsonObject json, bool added)
        where T : class, IKubernetesObject
    {
        var meta = (JsonObject)json["metadata"]!;
        meta["resourceVersion"] = (++_version).ToString(CultureInfo.InvariantCulture);
        Objects(type)[KeyOf(type, (string?)meta["namespace"], (string)meta["name"]!)] = json;
        return Tell(type, json, added ? WatchEventType.Added : WatchEventType.Modified);
    }

    private void Drop<T>(ResourceType<T> type, JsonObject json)
        where T : class, IKubernetesObject
    {
        var meta = (JsonObject)json["metadata"]!;
        meta["resourceVersion"] = (++_version).ToString(CultureInfo.InvariantCulture);
        Objects(type).Remove(KeyOf(type, (string?)meta["namespace"], (string)meta["name"]!));
        Tell(type, json, WatchEventType.Deleted);
    }

    private T Tell<T>(ResourceType<T> type, JsonObject json, WatchEventType kind)
        where T : class, IKubernetesObject
    {
        var value = FromJson(type, json);
        foreach (var informer in _informers.Values.Where(i => i.Type.Plural == type.Plural && i.Type.Group == type.Group).ToArray())
        {
            informer.Observe(value, kind == WatchEventType.Deleted);
        }

        foreach (var watch in _watches.ToArray())
        {
            watch(type, kind, json);
        }

        return value;
    }
}
