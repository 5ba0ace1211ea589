namespace Serving.Concurrency.Sockets;

/// <summary>
/// Leaves the thread that polls sockets. Where completions of sockets run inline (<see cref="InlineCompletions"/>), that thread continues
/// whatever awaits a socket, and all its other sockets wait meanwhile: only the short steps of the data path belong there.
/// </summary>
public static class PoolThread
{
    /// <summary>Awaits an operation of a socket and continues on a thread of the pool, also when it fails.</summary>
    public static ValueTask AfterAsync(ValueTask operation) =>
        operation.IsCompleted ? operation : new ValueTask(AfterAsync(operation.AsTask()));

    /// <inheritdoc cref="AfterAsync(ValueTask)"/>
    public static ValueTask<T> AfterAsync<T>(ValueTask<T> operation) =>
        operation.IsCompleted ? operation : new ValueTask<T>(AfterAsync(operation.AsTask()));

    private static async Task AfterAsync(Task operation)
    {
        await operation.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        await operation;
    }

    private static async Task<T> AfterAsync<T>(Task<T> operation)
    {
        await ((Task)operation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        return await operation;
    }
}
