namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>
/// Keeps logins until shortly before they expire. Invariant: at most one request for a key is under way, whoever waits shares
/// it, and a failure is remembered for a while, so that a machine without an identity does not ask for each image.
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

    /// <summary>Logins that are kept.</summary>
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

    /// <summary>The login that is known for <paramref name="key"/>, or what <paramref name="fetch"/> gives with the time it
    /// expires.</summary>
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

    /// <summary>What goes wrong on the way is part of the entry, so that it is remembered.</summary>
    private async Task<Entry> FetchAsync(Func<CancellationToken, Task<(RegistryCredential? Credential, DateTimeOffset Expiry)>> fetch)
    {
        // Not the first caller's token: others may wait for the same answer.
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

    /// <summary>Forgets what has expired, of registries that nobody may ever name again.</summary>
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
