using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane;

/// <summary>
/// Sends the body of a request on as it arrives, while the response may be on its way already. Where the request may have to be sent
/// again, what is little of it stays in the client's pipe, sent but not consumed, until the response has begun.
/// </summary>
internal abstract class RequestBody
{
    /// <summary>The most bytes that are kept to be sent again. The client's pipe holds them anyway, so they cost no copy.</summary>
    private const int MostKept = 64 * 1024;

    private volatile bool _keep;
    private volatile bool _stopped;

    /// <summary>Whether the body can still be read from its start.</summary>
    public bool IsUnread { get; private set; }

    /// <summary>What the client did wrong; null for nothing.</summary>
    public Exception? ClientFailure { get; private set; }

    /// <summary>Begins with a request.</summary>
    /// <param name="keep">Whether to keep what is little, to be sent again.</param>
    public void Begin(bool keep)
    {
        (_keep, _stopped, IsUnread) = (keep, false, true);
        ClientFailure = null;
    }

    /// <summary>The request is sent again: its body must be unread.</summary>
    protected void Restart() => _stopped = false;

    /// <summary>The response has begun: nothing is kept any longer.</summary>
    public void Release() => _keep = false;

    /// <summary>Ends a copy while it waits for the client.</summary>
    public void Stop(PipeReader body)
    {
        _stopped = true;
        body.CancelPendingRead();
    }

    /// <summary>What was read is in the hands of the sender.</summary>
    /// <param name="body">The client's body.</param>
    /// <param name="buffer">What was read of it: all of it.</param>
    protected void Advance(PipeReader body, in ReadOnlySequence<byte> buffer)
    {
        IsUnread = _keep || buffer.IsEmpty;
        body.AdvanceTo(_keep ? buffer.Start : buffer.End, buffer.End);
    }

    /// <summary>Copies the body to its end, or until it is stopped.</summary>
    /// <returns>Whether it was copied to its end.</returns>
    protected async Task<bool> CopyAsync(PipeReader body)
    {
        var sent = 0L;
        while (true)
        {
            var read = await ReadAsync(body);
            var buffer = read.Buffer;
            if (read.IsCanceled)
            {
                // An attempt before this one may have left its cancellation behind.
                body.AdvanceTo(buffer.Start);
                if (_stopped) return false;
                continue;
            }

            var (consumed, examined) = (buffer.Start, buffer.Start);
            try
            {
                foreach (var segment in buffer.Slice(sent)) await SendAsync(segment);
                if (!read.IsCompleted) await FlushAsync();
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

            if (!read.IsCompleted) continue;
            await EndAsync();
            return true;
        }
    }

    /// <summary>Sends a part.</summary>
    protected abstract ValueTask SendAsync(ReadOnlyMemory<byte> part);

    /// <summary>No more has arrived.</summary>
    protected virtual ValueTask FlushAsync() => default;

    /// <summary>The body is at its end.</summary>
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
