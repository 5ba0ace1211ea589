namespace Serving.Dataplane;

/// <summary>
/// Remembers that a destination failed, so that one which fails fast does not look idle and attract every request. It is avoided for a
/// while, twice as long each time, then one request at a time tries it until one succeeds. Any thread may use it; nothing waits.
/// </summary>
public sealed class PassiveHealth(TimeProvider time)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private long _until;
    private int _failures;
    private int _trials;

    /// <summary>Whether it should be left alone as long as there are others.</summary>
    public bool Avoided => Volatile.Read(ref _until) is not 0 and var until && (Volatile.Read(ref _trials) != 0 || time.GetTimestamp() < until);

    /// <summary>A request is about to go there.</summary>
    /// <returns>Whether it is in doubt, so that this request is a trial: pass this to <see cref="End"/>.</returns>
    public bool Begin()
    {
        if (Volatile.Read(ref _until) == 0) return false;
        Interlocked.Increment(ref _trials);
        return true;
    }

    /// <summary>The request has ended.</summary>
    /// <param name="trial">What <see cref="Begin"/> said.</param>
    /// <param name="result">How it ended.</param>
    public void End(bool trial, UpstreamResult result)
    {
        if (trial) Interlocked.Decrement(ref _trials);
        switch (result)
        {
            case UpstreamResult.NotConnected or UpstreamResult.Unsent or UpstreamResult.Lost or UpstreamResult.Failed:
                Fail();
                break;

            // What began before the failure proves nothing.
            case UpstreamResult.Done when trial:
                lock (_lock) (_failures, _until) = (0, 0);
                break;
        }
    }

    private void Fail()
    {
        lock (_lock)
        {
            // Requests that were on their way together are one failure.
            var now = time.GetTimestamp();
            if (_until != 0 && now < _until) return;
            var rest = First * Math.Pow(2, Math.Min(_failures, 10));
            rest = rest < Longest ? rest : Longest;
            _failures++;
            Volatile.Write(ref _until, Math.Max(now + (long)(rest.TotalSeconds * time.TimestampFrequency), 1));
        }
    }
}
