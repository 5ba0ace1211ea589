using Serving.Api;
using Serving.Api.Core;

namespace Serving.Kubernetes.Client;

/// <summary>
/// The Kubernetes API. Every call throws <see cref="KubernetesException"/> when the server responds with a failure; it names the object and
/// carries the server's <see cref="Status"/>. Reads and idempotent writes are retried a bounded number of times with jitter, honouring
/// <c>Retry-After</c>.
/// </summary>
public interface IKubernetesClient
{
    /// <summary>
    /// Completes when the server next responds to any client of the same family, for callers that wait while it is unreachable
    /// (<see cref="KubernetesException.IsUnreachable"/>). Never completes for a client that cannot detect it.
    /// </summary>
    Task NextResponse => Never.Task;

    private static readonly TaskCompletionSource Never = new();

    /// <summary>Reads one object. Throws (not found) when it does not exist.</summary>
    Task<T> GetAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation)
        where T : class, IKubernetesObject;

    /// <summary>Reads a collection, following pages unless the caller sets <see cref="ListOptions.Limit"/> to read one page.</summary>
    Task<KubernetesList<T>> ListAsync<T>(ResourceType<T> type, string? ns, ListOptions? options, CancellationToken cancellation)
        where T : class, IKubernetesObject;

    /// <summary>Watches from <see cref="ListOptions.ResourceVersion"/>; ends when the server closes the stream; throws (gone) on
    /// 410.</summary>
    IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(ResourceType<T> type, string? ns, ListOptions options, CancellationToken cancellation)
        where T : class, IKubernetesObject;

    /// <summary>Creates an object, in the namespace of its metadata.</summary>
    Task<T> CreateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject;

    /// <summary>
    /// Replaces an object; throws (conflict) when its resourceVersion is not the newest. Data that the informer's cache omits is read first
    /// and kept; a patch avoids that read.
    /// </summary>
    Task<T> UpdateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject;

    /// <summary>Replaces the status of an object; throws (conflict) when its resourceVersion is not the newest.</summary>
    Task<T> UpdateStatusAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject;

    /// <summary>Patches an object or one of its subresources.</summary>
    Task<T> PatchAsync<T>(
        ResourceType<T> type,
        string? ns,
        string name,
        Patch patch,
        CancellationToken cancellation,
        WriteOptions? options = null,
        string? subresource = null
    )
        where T : class, IKubernetesObject;

    /// <summary>
    /// Replaces an object through a subresource other than status, such as a namespace's <c>finalize</c>; throws (conflict) when its
    /// resourceVersion is not the newest. A client without subresources updates the object itself.
    /// </summary>
    Task<T> UpdateSubresourceAsync<T>(ResourceType<T> type, T value, string subresource, CancellationToken cancellation)
        where T : class, IKubernetesObject => UpdateAsync(type, value, cancellation);

    /// <summary>Deletes an object. Throws (not found) when it does not exist.</summary>
    Task DeleteAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation, DeleteOptions? options = null)
        where T : class, IKubernetesObject;
}

/// <summary>Options of a list or a watch.</summary>
/// <param name="LabelSelector">In query syntax: <c>a=b,!c,d in (e,f)</c>.</param>
/// <param name="FieldSelector">In query syntax: <c>metadata.name=x</c>.</param>
/// <param name="ResourceVersion">Where a watch starts.</param>
/// <param name="Limit">Page size.</param>
/// <param name="Continue">The token of the next page.</param>
public sealed record ListOptions(
    string? LabelSelector = null,
    string? FieldSelector = null,
    string? ResourceVersion = null,
    int? Limit = null,
    string? Continue = null
);

/// <summary>Options of a write.</summary>
/// <param name="DryRun">Whether nothing is stored.</param>
/// <param name="FieldManager">The manager of the written fields.</param>
/// <param name="Force">For server-side apply: take fields from other managers.</param>
/// <param name="FieldValidation"><c>Strict</c>, <c>Warn</c> or <c>Ignore</c>.</param>
public sealed record WriteOptions(bool DryRun = false, string? FieldManager = null, bool Force = false, string? FieldValidation = null);

/// <summary>Options of a delete.</summary>
/// <param name="Propagation"><c>Background</c>, <c>Foreground</c> or <c>Orphan</c>; the server's default when null.</param>
/// <param name="GracePeriodSeconds">Seconds a pod gets to stop.</param>
/// <param name="Uid">The delete fails (conflict) when the object has another uid.</param>
/// <param name="ResourceVersion">The delete fails (conflict) when the object has another resourceVersion.</param>
public sealed record DeleteOptions(
    string? Propagation = null,
    int? GracePeriodSeconds = null,
    string? Uid = null,
    string? ResourceVersion = null
);

/// <summary>A patch: its media type and its body.</summary>
public sealed record Patch(PatchType Type, string Body);

/// <summary>The format of a patch's body.</summary>
public enum PatchType
{
    /// <summary>RFC 6902.</summary>
    Json,

    /// <summary>RFC 7386.</summary>
    Merge,

    /// <summary>Kubernetes' strategic merge; built-in kinds only.</summary>
    StrategicMerge,

    /// <summary>Server-side apply.</summary>
    Apply,
}

/// <summary>What happened to a watched object.</summary>
public enum WatchEventType
{
    /// <summary>It was created, or now matches the query.</summary>
    Added,

    /// <summary>It changed.</summary>
    Modified,

    /// <summary>It was deleted, or no longer matches the query.</summary>
    Deleted,

    /// <summary>No change; <see cref="WatchEvent{T}.Object"/> only carries the current resourceVersion.</summary>
    Bookmark,
}

/// <summary>One event of a watch.</summary>
public sealed record WatchEvent<T>(WatchEventType Type, T Object);
