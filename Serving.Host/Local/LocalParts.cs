using Microsoft.Extensions.Logging;
using Serving.Host.Local.Terminal;

namespace Serving.Host.Local;

/// <summary>
/// The running parts of a local cluster. Disposing stops them one after the other in reverse order, so that dependencies stop last.
/// </summary>
internal sealed class LocalParts(ILoggerFactory loggers, ITerminal terminal, CancellationToken stop) : IAsyncDisposable
{
    private readonly ILogger _logger = loggers.CreateLogger("local");
    private readonly Stack<(string Name, Func<ValueTask> Stop)> _parts = new();
    private readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Takes ownership of a disposable part.</summary>
    public void Add(object part) => _parts.Push((part.GetType().Name, () => DisposeAsync(part)));

    /// <summary>Starts a part that runs until cancelled.</summary>
    public void Run(string name, Func<CancellationToken, Task> work)
    {
        var source = new CancellationTokenSource();
        var task = Task.Run(() => WatchAsync(name, work, source.Token), CancellationToken.None);
        _parts.Push(
            (
                name,
                async () =>
                {
                    await source.CancelAsync();
                    await task;
                    source.Dispose();
                }
            )
        );
    }

    /// <summary>Throws <see cref="UserErrorException"/> when a part has ended on its own.</summary>
    public void ThrowIfEnded()
    {
        if (_ended.Task.IsCompletedSuccessfully)
        {
            throw new UserErrorException(_ended.Task.Result);
        }
    }

    /// <summary>Completes on shutdown; throws when a part ended on its own.</summary>
    public async Task WaitAsync(CancellationToken cancellation)
    {
        var failed = await _ended.Task.WaitAsync(cancellation);
        throw new UserErrorException(failed);
    }

    public async ValueTask DisposeAsync()
    {
        if (stop.IsCancellationRequested)
        {
            terminal.Line("stopping");
        }

        while (_parts.TryPop(out var part))
        {
            try
            {
                await part.Stop();
            }
            catch (Exception failure)
            {
                _logger.LogError(failure, "{Part} did not stop cleanly", part.Name);
            }
        }
    }

    private static async ValueTask DisposeAsync(object part)
    {
        switch (part)
        {
            case IAsyncDisposable asynchronous:
                await asynchronous.DisposeAsync();
                break;
            case IDisposable disposable:
                disposable.Dispose();
                break;
            default:
                throw new InvalidOperationException($"{part.GetType()} cannot be disposed");
        }
    }

    private async Task WatchAsync(string name, Func<CancellationToken, Task> work, CancellationToken cancellation)
    {
        try
        {
            await work(cancellation);
            if (!cancellation.IsCancellationRequested)
            {
                _ended.TrySetResult($"{name} ended on its own; see the log in the data directory.");
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Shutdown.
        }
        catch (Exception failure)
        {
            _logger.LogError(failure, "{Part} failed", name);
            _ended.TrySetResult(failure is UserErrorException ? failure.Message : $"{name} failed: {PlainText.Of(failure)}");
        }
    }
}
