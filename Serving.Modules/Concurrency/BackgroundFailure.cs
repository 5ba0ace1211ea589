namespace Serving.Concurrency;

/// <summary>
/// Reports failures that no caller can handle: those of timers, of cancellation callbacks and of unawaited tasks.
/// Invariant: none is lost; without a listener they are written to standard error.
/// </summary>
public static class BackgroundFailure
{
    private static readonly Lock Gate = new();
    private static Action<string, Exception>[] _listeners = [];
    private static bool _observesTasks;

    /// <summary>Subscribes <paramref name="listener"/>, which gets the name of what failed and the exception, until the result is disposed.
    /// It must not throw.</summary>
    public static IDisposable Listen(Action<string, Exception> listener)
    {
        ArgumentNullException.ThrowIfNull(listener);
        lock (Gate)
            _listeners = [.. _listeners, listener];
        return new Subscription(listener);
    }

    /// <summary>Starts to report unobserved task exceptions, for the rest of the process. They are detected on garbage collection, which
    /// may be late.</summary>
    public static void ObserveTasks()
    {
        lock (Gate)
        {
            if (_observesTasks)
                return;
            _observesTasks = true;
            TaskScheduler.UnobservedTaskException += static (_, unobserved) =>
            {
                unobserved.SetObserved();
                Report("An unawaited task", unobserved.Exception);
            };
        }
    }

    /// <summary>Reports a failure. Never throws: the caller may be a timer, whose exception would end the process.</summary>
    public static void Report(string what, Exception failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        var listeners = Volatile.Read(ref _listeners);
        try
        {
            foreach (var listener in listeners)
                listener(what, failure);
            if (listeners.Length == 0)
                Console.Error.WriteLine($"{what} failed: {failure}");
        }
        catch (Exception second)
        {
            Console.Error.WriteLine($"{what} failed: {failure}; reporting that failed: {second}");
        }
    }

    /// <summary>Observes <paramref name="work"/> and reports its failure, for a caller that does not await it. Cancellation is not a
    /// failure.</summary>
    public static void Watch(string what, Task work)
    {
        ArgumentNullException.ThrowIfNull(work);
        _ = WatchAsync(what, work);
    }

    private static async Task WatchAsync(string what, Task work)
    {
        try
        {
            await work;
        }
        catch (OperationCanceledException)
        {
            // The canceller knows.
        }
        catch (Exception failure)
        {
            Report(what, failure);
        }
    }

    private sealed class Subscription(Action<string, Exception> listener) : IDisposable
    {
        public void Dispose()
        {
            lock (Gate)
            {
                var index = Array.IndexOf(_listeners, listener);
                if (index >= 0)
                    _listeners = [.. _listeners[..index], .. _listeners[(index + 1)..]];
            }
        }
    }
}
