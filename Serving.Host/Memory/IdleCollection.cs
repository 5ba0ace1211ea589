using Microsoft.Extensions.Hosting;
using Serving.Concurrency;

namespace Serving.Host.Memory;

/// <summary>
/// Collects garbage once when the process gets idle after work. An idle process does not allocate and therefore does not collect: without
/// this it would keep the memory of its last burst, such as its start or the deletion of a thousand Services, for days. Invariant: there is
/// no collection while the process works, because it pauses all threads, and none after the first that can free little.
/// </summary>
internal sealed class IdleCollection : IHostedService, IDisposable
{
    /// <summary>How often it looks.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(15);

    /// <summary>The bytes that an idle process allocates at most in a period: leases, ticks and probes.</summary>
    public const long MostWhenIdle = 4 << 20;

    /// <summary>The bytes that were allocated since the last collection when another one is worth it.</summary>
    public const long LeastSinceCollection = 64 << 20;

    private readonly TimeProvider _time;
    private readonly Func<long> _allocated;
    private readonly Action _collect;
    private BackgroundTimer? _timer;
    private long _last;
    private long? _collected;

    /// <param name="time">The clock.</param>
    public IdleCollection(TimeProvider time)
        : this(
            time,
            static () => GC.GetTotalAllocatedBytes(),
            static () => GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true)
        ) { }

    /// <param name="time">The clock.</param>
    /// <param name="allocated">The bytes that the process has allocated so far.</param>
    /// <param name="collect">Collects garbage and returns free memory to the operating system.</param>
    internal IdleCollection(TimeProvider time, Func<long> allocated, Action collect)
    {
        _time = time;
        _allocated = allocated;
        _collect = collect;
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _timer = BackgroundTimer.Every(_time, "Collecting garbage when idle", Period, Look);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken)
    {
        _timer?.Dispose();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose() => _timer?.Dispose();

    private void Look()
    {
        var now = _allocated();
        var recent = now - _last;
        _last = now;
        if (recent <= MostWhenIdle && (_collected is not { } collected || now - collected >= LeastSinceCollection))
        {
            _collected = now;
            _collect();
        }
    }
}
