using System.Collections.Concurrent;
using Serving.Api.Autoscaling;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Reserve;

/// <summary>
/// What this process remembers of resizes: refusals, so that it does not ask again with every reconcile, and when a resize was sent, for
/// its duration. Losing it costs one request. Thread-safe: a revision is reconciled by one thread at a time.
/// </summary>
internal sealed class ResizeMemory(TimeProvider time)
{
    /// <summary>How long a refusal counts.</summary>
    public static readonly TimeSpan RefusalLasts = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<ObjectKey, Refusal> _refusals = new();
    private readonly ConcurrentDictionary<ObjectKey, ReserveSettings> _fixedMemory = new();
    private readonly ConcurrentDictionary<ObjectKey, Dictionary<string, (long Since, bool Wake)>> _sent = new();

    /// <summary>The refusal that still counts; null for none, or when the settings have changed since.</summary>
    public Refusal? RefusalOf(in ObjectKey key, ReserveSettings settings) =>
        _refusals.TryGetValue(key, out var refusal) && refusal.Settings == settings && refusal.Until > time.GetUtcNow() ? refusal : null;

    /// <summary>Parking was refused.</summary>
    public void Refuse(in ObjectKey key, ReserveSettings settings, string reason, string message) =>
        _refusals[key] = new Refusal(settings, reason, message, time.GetUtcNow() + RefusalLasts);

    /// <summary>Whether the cluster refused to lower the memory limits of the revision's pods.</summary>
    public bool IsMemoryFixed(in ObjectKey key, ReserveSettings settings) =>
        _fixedMemory.TryGetValue(key, out var known) && known == settings;

    /// <summary>The cluster refused to lower memory limits, as Kubernetes 1.33 does.</summary>
    public void FixMemory(in ObjectKey key, ReserveSettings settings) => _fixedMemory[key] = settings;

    /// <summary>A resize was sent.</summary>
    public void Sent(in ObjectKey key, string uid, bool wake)
    {
        var sent = _sent.GetOrAdd(key, static _ => []);
        lock (sent)
        {
            sent[uid] = (time.GetTimestamp(), wake);
        }
    }

    /// <summary>The node has done a resize; returns how long it took, null if it was sent by another process or is recorded
    /// already.</summary>
    public (TimeSpan Took, bool Wake)? Granted(in ObjectKey key, string uid)
    {
        if (!_sent.TryGetValue(key, out var sent))
            return null;
        lock (sent)
        {
            return sent.Remove(uid, out var one) ? (time.GetElapsedTime(one.Since), one.Wake) : null;
        }
    }

    /// <summary>Removes what belongs to other pods than these.</summary>
    public void Keep(in ObjectKey key, IReadOnlyCollection<string> uids)
    {
        if (!_sent.TryGetValue(key, out var sent))
            return;
        lock (sent)
        {
            foreach (var gone in sent.Keys.Except(uids, StringComparer.Ordinal).ToArray())
                sent.Remove(gone);
        }
    }

    /// <summary>Removes a revision.</summary>
    public void Forget(in ObjectKey key)
    {
        _refusals.TryRemove(key, out _);
        _fixedMemory.TryRemove(key, out _);
        _sent.TryRemove(key, out _);
    }

    /// <summary>Parking was refused, until a time.</summary>
    internal sealed record Refusal(ReserveSettings Settings, string Reason, string Message, DateTimeOffset Until);
}
