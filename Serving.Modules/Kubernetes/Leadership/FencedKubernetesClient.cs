using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Leadership;

/// <summary>
/// The client of a leader. Invariants: no write starts after the term has ended, and none outlives it; every replacement and patch carries
/// the resourceVersion it is based on, and no apply is forced, so that a late write loses against a newer leader.
/// </summary>
public sealed class FencedKubernetesClient : IKubernetesClient
{
    private readonly IKubernetesClient _inner;
    private readonly LeaderTerm _term;

    /// <param name="inner">The client that sends.</param>
    /// <param name="term">The term during which writes are allowed.</param>
    public FencedKubernetesClient(IKubernetesClient inner, LeaderTerm term)
    {
        ArgumentNullException.ThrowIfNull(inner);
        ArgumentNullException.ThrowIfNull(term);
        _inner = inner;
        _term = term;
    }

    /// <inheritdoc/>
    public Task NextResponse => _inner.NextResponse;

    /// <inheritdoc/>
    public Task<T> GetAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation)
        where T : class, IKubernetesObject => _inner.GetAsync(type, ns, name, cancellation);

    /// <inheritdoc/>
    public Task<KubernetesList<T>> ListAsync<T>(ResourceType<T> type, string? ns, ListOptions? options, CancellationToken cancellation)
        where T : class, IKubernetesObject => _inner.ListAsync(type, ns, options, cancellation);

    /// <inheritdoc/>
    public IAsyncEnumerable<WatchEvent<T>> WatchAsync<T>(
        ResourceType<T> type,
        string? ns,
        ListOptions options,
        CancellationToken cancellation
    )
        where T : class, IKubernetesObject => _inner.WatchAsync(type, ns, options, cancellation);

    /// <inheritdoc/>
    public Task<T> CreateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject => WriteAsync(token => _inner.CreateAsync(type, value, token, options), cancellation);

    /// <inheritdoc/>
    public Task<T> UpdateAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject
    {
        RequireVersion(type, value);
        return WriteAsync(token => _inner.UpdateAsync(type, value, token, options), cancellation);
    }

    /// <inheritdoc/>
    public Task<T> UpdateStatusAsync<T>(ResourceType<T> type, T value, CancellationToken cancellation, WriteOptions? options = null)
        where T : class, IKubernetesObject
    {
        RequireVersion(type, value);
        return WriteAsync(token => _inner.UpdateStatusAsync(type, value, token, options), cancellation);
    }

    /// <inheritdoc/>
    public Task<T> UpdateSubresourceAsync<T>(ResourceType<T> type, T value, string subresource, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        RequireVersion(type, value);
        return WriteAsync(token => _inner.UpdateSubresourceAsync(type, value, subresource, token), cancellation);
    }

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
        if (options?.Force == true)
        {
            throw new InvalidOperationException($"a leader must not force the apply of {type.Plural} {ns}/{name}");
        }

        if (patch.Type != PatchType.Apply && !NamesVersion(patch))
        {
            throw new InvalidOperationException($"a leader's patch of {type.Plural} {ns}/{name} needs a resourceVersion");
        }

        return WriteAsync(token => _inner.PatchAsync(type, ns, name, patch, token, options, subresource), cancellation);
    }

    /// <inheritdoc/>
    public Task DeleteAsync<T>(ResourceType<T> type, string? ns, string name, CancellationToken cancellation, DeleteOptions? options = null)
        where T : class, IKubernetesObject =>
        WriteAsync(
            async token =>
            {
                await _inner.DeleteAsync(type, ns, name, token, options);
                return 0;
            },
            cancellation
        );

    private static void RequireVersion<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject
    {
        if (value.Metadata.ResourceVersion.Length == 0)
        {
            throw new InvalidOperationException($"a leader's update of {type.Plural} {ObjectKey.Of(value)} needs a resourceVersion");
        }
    }

    private static bool NamesVersion(Patch patch)
    {
        using var document = JsonDocument.Parse(patch.Body);
        var root = document.RootElement;
        return root.ValueKind == JsonValueKind.Array
            ? root.EnumerateArray().Any(step => Text(step, "op") == "test" && Text(step, "path") == "/metadata/resourceVersion")
            : root.TryGetProperty("metadata", out var metadata) && Text(metadata, "resourceVersion") is { Length: > 0 };

        static string? Text(JsonElement value, string name) =>
            value.ValueKind == JsonValueKind.Object
            && value.TryGetProperty(name, out var member)
            && member.ValueKind == JsonValueKind.String
                ? member.GetString()
                : null;
    }

    private Task<TResult> WriteAsync<TResult>(Func<CancellationToken, Task<TResult>> write, CancellationToken cancellation) =>
        WriteFence.WriteAsync(_term, write, cancellation);
}
