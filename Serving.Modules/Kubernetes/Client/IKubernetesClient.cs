using Serving.Api;
using Serving.Api.Core;

namespace Serving.Kubernetes.Client;

/// <summary>
/// The Kubernetes API. Every call throws <see cref="KubernetesException"/> when the server answers with a failure, which
/// names the object and carries the server's <see cref="Status"/>. Reads and safe writes are retried a bounded number of
/// times with jitter, honouring <c>Retry-After</c>.
/// </summary>
public interface IKubernetesClient
{
    /// <summary>
    /// Completes when the server next responds to any client of the same family, for callers that wait while it is unreachable
    /// (<see cref="KubernetesException.IsUnreachable"/>); never for a client that cannot tell.
    /// </summary>
    Task NextResponse => Never.Task;

    private static readonly TaskCompletionSource Never = new();

    /// <summary>Reads one object. Throws (not found) when it does not exist.</summary>
    Task<T> GetAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation)
        where T : class, IKubernetesObject;

    /// <summary>Reads a collection, following pages unless <see cref="ListOptions.Limit"/> is set by the caller to read one page.</summary>
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
    /// Replaces an object; throws (conflict) when its resourceVersion is not the newest. What an informer's copy leaves out stays on the
    /// object; a patch spares the read that this costs.
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
    /// Replaces an object through a subresource other than status, as a namespace's <c>finalize</c>; throws (conflict) when its
    /// resourceVersion is not the newest. A client without subresources updates the object itself.
    /// </summary>
    Task<T> UpdateSubresourceAsync<T>(ResourceType<T> type, T value, string subresource, CancellationToken cancellation)
        where T : class, IKubernetesObject => UpdateAsync(type, value, cancellation);

    /// <summary>Deletes an object. Throws (not found) when it does not exist.</summary>
    Task DeleteAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation, DeleteOptions? options = null)
        where T : class, IKubernetesObject;
}

/// <summary>Narrows a list or a watch.</summary>
/// <param name="LabelSelector">In the query's syntax: <c>a=b,!c,d in (e,f)</c>.</param>
/// <param name="FieldSelector">In the query's syntax: <c>metadata.name=x</c>.</param>
/// <param name="ResourceVersion">Where a watch begins.</param>
/// <param name="Limit">Objects a page.</param>
/// <param name="Continue">The token of the next page.</param>
public sealed record ListOptions(
    string? LabelSelector = null,
    string? FieldSelector = null,
    string? ResourceVersion = null,
    int? Limit = null,
    string? Continue = null
);

/// <summary>Options of a write.</summary>
/// <param name="DryRun">Whether the server only pretends.</param>
/// <param name="FieldManager">Who owns the fields written.</param>
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

/// <summary>How the body of a patch is meant.</summary>
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

    /// <summary>Nothing; <see cref="WatchEvent{T}.Object"/> only carries the resourceVersion reached.</summary>
    Bookmark,
}

/// <summary>One event of a watch.</summary>
public sealed record WatchEvent<T>(WatchEventType Type, T Object);
