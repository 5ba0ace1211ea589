using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane.Upstreams;

/// <summary>
/// Forwards a request body as it arrives, possibly while the response is already being received. If the request may have to be retried, a
/// small body stays in the client's pipe, sent but not consumed, until the response starts.
/// </summary>
internal abstract class RequestBody
{
    /// <summary>Maximum number of bytes kept for a retry. They are in the client's pipe anyway, so keeping them costs no copy.</summary>
    private const int MostKept = 64 * 1024;

    private volatile bool _keep;
    private volatile bool _stopped;

    /// <summary>Whether the body can still be read from its start.</summary>
    public bool IsUnread { get; private set; }

    /// <summary>The client's error; null for none.</summary>
    public Exception? ClientFailure { get; private set; }

    /// <summary>Starts a request.</summary>
    /// <param name="keep">Whether to keep a small body, so that the request can be retried.</param>
    public void Begin(bool keep)
    {
        (_keep, _stopped, IsUnread) = (keep, false, true);
        ClientFailure = null;
    }

    /// <summary>The request is being retried: its body must be unread.</summary>
    protected void Restart() => _stopped = false;

    /// <summary>The response has started: nothing is kept any longer.</summary>
    public void Release() => _keep = false;

    /// <summary>Ends a copy while it waits for the client.</summary>
    public void Stop(PipeReader body)
    {
        _stopped = true;
        body.CancelPendingRead();
    }

    /// <summary>Consumes what was read, now that the sender has it.</summary>
    /// <param name="body">The client's body.</param>
    /// <param name="buffer">Everything that was read of it.</param>
    protected void Advance(PipeReader body, in ReadOnlySequence<byte> buffer)
    {
        IsUnread = _keep || buffer.IsEmpty;
        body.AdvanceTo(_keep ? buffer.Start : buffer.End, buffer.End);
    }

    /// <summary>Copies the body until its end, or until stopped.</summary>
    /// <returns>Whether the whole body was copied.</returns>
    protected async Task<bool> CopyAsync(PipeReader body)
    {
        var sent = 0L;
        var turn = new CopyTurn();
        while (true)
        {
            var read = await ReadAsync(body);
            var buffer = read.Buffer;
            if (read.IsCanceled)
            {
                // A previous attempt may have left its cancellation behind.
                body.AdvanceTo(buffer.Start);
                if (_stopped)
                    return false;
                continue;
            }

            var (consumed, examined) = (buffer.Start, buffer.Start);
            try
            {
                foreach (var segment in buffer.Slice(sent))
                    await SendAsync(segment);
                if (!read.IsCompleted)
                    await FlushAsync();
                examined = buffer.End;
                if (_keep && IsUnread && buffer.Length <= MostKept)
                {
                    sent = buffer.Length;
                }
                else
                {
                    IsUnread &= buffer.IsEmpty;
                    sent = 0;
                    consumed = buffer.End;
                }
            }
            finally
            {
                body.AdvanceTo(consumed, examined);
            }

            if (read.IsCompleted)
            {
                await EndAsync();
                return true;
            }

            if (turn.IsOver(buffer.Length))
                await Task.Yield();
        }
    }

    /// <summary>Sends a segment of the body.</summary>
    protected abstract ValueTask SendAsync(ReadOnlyMemory<byte> part);

    /// <summary>All bytes received so far have been sent.</summary>
    protected virtual ValueTask FlushAsync() => default;

    /// <summary>The body is complete.</summary>
    protected virtual ValueTask EndAsync() => default;

    private async ValueTask<ReadResult> ReadAsync(PipeReader body)
    {
        try
        {
            return await body.ReadAsync();
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or BadHttpRequestException)
        {
            ClientFailure = exception;
            throw;
        }
    }
}
