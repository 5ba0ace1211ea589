namespace Serving.Tests.Concurrency;

/// <summary>Runs work on its own thread, so that a test can detect that it waits for a lock without waiting itself.</summary>
internal sealed class OtherThread
{
    private readonly Thread _thread;

    private OtherThread(Action work)
    {
        _thread = new Thread(() => work()) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>Whether it has ended.</summary>
    public bool Ended => !_thread.IsAlive;

    /// <summary>Starts <paramref name="work"/> and returns once it has ended or is blocked.</summary>
    public static OtherThread UntilEndedOrBlocked(Action work)
    {
        var other = new OtherThread(work);
        SpinWait.SpinUntil(() => other.Ended || (other._thread.ThreadState & ThreadState.WaitSleepJoin) != 0);
        return other;
    }

    /// <summary>Starts <paramref name="work"/> and returns whether it ends; false when it is blocked by the caller.</summary>
    public static bool Ends(Action work) => new OtherThread(work)._thread.Join(TimeSpan.FromSeconds(30));

    /// <summary>Waits for it to end.</summary>
    public void Join() => _thread.Join();
}
