namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>
/// Caches credentials until shortly before they expire. Invariant: there is at most one request per key at a time, and concurrent callers
/// share it; a failure is cached for a while, so that a machine without an identity does not send a request for each image.
/// </summary>
internal sealed class CredentialCache(TimeProvider time)
{
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan FailureAge = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    private const int FirstPrune = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Task<Entry>> _entries = new(StringComparer.Ordinal);
    private int _pruneAt = FirstPrune;

    /// <summary>Number of cached credentials.</summary>
    internal int Count
    {
        get
        {
            lock (_gate)
            {
                return _entries.Count;
            }
        }
    }

    /// <summary>The cached credential for <paramref name="key"/>, or the one that <paramref name="fetch"/> returns together with its
    /// expiry.</summary>
    public async ValueTask<RegistryCredential?> GetAsync(
        string key,
        Func<CancellationToken, Task<(RegistryCredential? Credential, DateTimeOffset Expiry)>> fetch,
        CancellationToken cancellation
    )
    {
        Task<Entry> task;
        lock (_gate)
        {
            if (
                !_entries.TryGetValue(key, out task!)
                || task.IsFaulted
                || (task.IsCompletedSuccessfully && task.Result.Until <= time.GetUtcNow())
            )
            {
                if (_entries.Count >= _pruneAt)
                {
                    Prune();
                }

                _entries[key] = task = FetchAsync(fetch);
            }
        }

        var entry = await task.WaitAsync(cancellation);
        return entry.Failure is { } failure ? throw new IdentityException(failure) : entry.Credential;
    }

    /// <summary>A failure becomes part of the entry, so that it is cached.</summary>
    private async Task<Entry> FetchAsync(Func<CancellationToken, Task<(RegistryCredential? Credential, DateTimeOffset Expiry)>> fetch)
    {
        // Do not use the first caller's token: other callers may share this request.
        using var timeout = new CancellationTokenSource(Longest, time);
        try
        {
            var (credential, expiry) = await fetch(timeout.Token);
            return new Entry(credential, expiry - Margin, null);
        }
        catch (OperationCanceledException)
        {
            return Failed($"no answer within {Longest.TotalSeconds} seconds");
        }
        catch (Exception error)
            when (error is HttpRequestException or IdentityException or IOException or UnauthorizedAccessException or FormatException)
        {
            return Failed(error.Message);
        }
    }

    /// <summary>Removes expired entries, including those of registries that are not used any more.</summary>
    private void Prune()
    {
        var now = time.GetUtcNow();
        foreach (
            var key in _entries
                .Where(entry => entry.Value.IsFaulted || (entry.Value.IsCompletedSuccessfully && entry.Value.Result.Until <= now))
                .Select(static entry => entry.Key)
                .ToList()
        )
        {
            _entries.Remove(key);
        }

        _pruneAt = Math.Max(FirstPrune, 2 * _entries.Count);
    }

    private Entry Failed(string message) => new(null, time.GetUtcNow() + FailureAge, message);

    private sealed record Entry(RegistryCredential? Credential, DateTimeOffset Until, string? Failure);
}
