using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Serving.Dataplane.Servers;

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>
/// One request and its response on one connection. Both directions run concurrently, so the response may start, and even end, before the
/// request does:
/// <code>
///   client ── BodyReader ──► RequestBody ──────► socket ──► destination
///   client ◄── BodyWriter ◄── CopyBody ◄── head ◄── socket ◄── destination
/// </code>
/// An instance belongs to one connection and serves its requests one after the other.
/// </summary>
internal sealed class Http1Exchange(Http1Connection connection)
{
    private static readonly TimeSpan ContinueTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RequestEndGrace = TimeSpan.FromMilliseconds(50);

    private readonly SendBuffer _output = new();
    private readonly Http1RequestBody _body = new(connection);
    private ChunkedDecoder _chunks;
    private TaskCompletionSource<bool>? _welcome;
    private Task<bool>? _sending;
    private bool _requestSent;
    private bool _answered;
    private bool _keepAlive;
    private long _headRoom;

    /// <summary>Whether the connection can take another request.</summary>
    public bool IsReusable { get; private set; }

    /// <summary>The failure, if the exchange is not done.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Whether the client's request caused the failure.</summary>
    public bool FailedByClient { get; private set; }

    /// <summary>What the queue-proxy at the destination reports about its program; <see cref="UpstreamResult.Done"/> if nothing.</summary>
    public UpstreamResult Unserved { get; private set; }

    /// <summary>Whether the request's body can still be read from its start.</summary>
    public bool IsBodyUnread => _body.IsUnread;

    /// <summary>Sends the request and copies the response. When it returns, no operation of either is pending.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Http1Outcome> RunAsync(
        HttpContext context,
        UpstreamTarget target,
        RequestShape shape,
        CancellationToken cancellation
    )
    {
        (IsReusable, Failure, FailedByClient) = (false, null, false);
        (_requestSent, _answered, _keepAlive) = (false, false, false);
        Unserved = UpstreamResult.Done;
        _body.Begin(_output, target.IsQueueProxy);
        var aborted = context.RequestAborted;
        var byCaller = cancellation.UnsafeRegister(static state => ((Http1Connection)state!).Abort(), connection);
        var byClient =
            aborted == cancellation ? default : aborted.UnsafeRegister(static state => ((Http1Connection)state!).Abort(), connection);
        connection.Open();
        _output.Open();
        var outcome = Http1Outcome.Failed;
        try
        {
            await ExchangeAsync(context, target, shape);
            outcome = Unserved is UpstreamResult.Unsent or UpstreamResult.Lost ? Http1Outcome.Unserved : Http1Outcome.Done;
        }
        catch (Exception exception)
            when (exception is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Failure ??= exception;
            FailedByClient |= exception is BadHttpRequestException;
            if (!_answered && !FailedByClient)
                outcome = Http1Outcome.Stale;
        }
        finally
        {
            await EndSendingAsync(context, outcome);
            await byCaller.DisposeAsync();
            await byClient.DisposeAsync();
            IsReusable = outcome == Http1Outcome.Done && _keepAlive && _requestSent && connection.Buffered.IsEmpty;
            _output.Close();
            connection.Close();
            connection.Heads.Return(_headRoom);
            _headRoom = 0;
        }

        return
            outcome != Http1Outcome.Done
            && (Failure is ClientGoneException || cancellation.IsCancellationRequested || aborted.IsCancellationRequested)
            ? Http1Outcome.Canceled
            : outcome;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ExchangeAsync(HttpContext context, UpstreamTarget target, RequestShape shape)
    {
        if (!RequestHead.TryWrite(_output, context, target, shape))
            throw new BadHttpRequestException("The request has a header that cannot be sent over HTTP/1.1.");
        var body = shape.HasBody ? context.Request.BodyReader : null;
        _requestSent = body is null || (!shape.ExpectsContinue && _body.TryAppendWhole(body, shape));
        await connection.SendAsync(_output.Written);
        if (shape.ExpectsContinue)
            _sending = SendWhenWelcomeAsync(body!, shape.Chunked, _welcome = new(TaskCreationOptions.RunContinuationsAsynchronously));
        else if (!_requestSent)
            _sending = SendBodyAsync(body!, shape.Chunked);

        var (head, status) = await ReceiveHeadAsync();
        var upgraded = status == StatusCodes.Status101SwitchingProtocols;
        if (upgraded && !shape.Upgrade)
            throw new Http1FormatException("The program switched protocols without being asked to.");
        var answer = ResponseHead.CopyTo(context.Response, connection.Buffered[..head], status, HttpMethods.IsHead(context.Request.Method));
        connection.Consume(head);
        if (target.IsQueueProxy && answer.Unserved != UpstreamResult.Done)
        {
            Unserved = answer.Unserved;
            if (Unserved is UpstreamResult.Unsent or UpstreamResult.Lost)
                return;
        }

        _body.Release();
        if (upgraded)
        {
            await UpgradeAsync(context);
            return;
        }

        if (answer.Body != BodyKind.None)
            await CopyBodyAsync(context.Response, answer);
        _keepAlive = answer.KeepAlive;
    }

    // The length of the final head, and its status. Kestrel cannot send the informational heads before it.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<(int Length, int Status)> ReceiveHeadAsync()
    {
        var scanned = 0;
        while (true)
        {
            var length = ResponseHead.FindEnd(connection.Buffered, scanned);
            if (length == 0)
            {
                scanned = connection.Buffered.Length;
                if (await connection.ReceiveAsync(ResponseHead.MaxBytes) == 0)
                    throw new IOException("The program closed the connection before its response head was complete.");
                _answered = true;
                if (connection.Buffered.Length > HeadBudget.Ordinary)
                    TakeRoom(3L * connection.Buffered.Length);
                continue;
            }

            var status = ResponseHead.Status(connection.Buffered);
            if (status is >= 200 or StatusCodes.Status101SwitchingProtocols)
            {
                _welcome?.TrySetResult(false);
                return (length, status);
            }

            if (status == StatusCodes.Status100Continue)
                _welcome?.TrySetResult(true);
            connection.Consume(length);
            scanned = 0;
        }
    }

    // A head is in memory as bytes, and then also as text of twice their size.
    private void TakeRoom(long bytes)
    {
        if (!connection.Heads.TryGrow(_headRoom, bytes))
            throw new Http1FormatException("The response heads in flight exceed the memory budget.");
        _headRoom = bytes;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask CopyBodyAsync(HttpResponse response, ResponseShape answer)
    {
        var trailers = TrailedResponse.Begin(response, answer);
        await response.StartAsync();
        var writer = response.BodyWriter;

        // Kestrel accepts no body for such a response, whatever the destination declares.
        IBufferWriter<byte>? output =
            response.StatusCode == StatusCodes.Status205ResetContent ? null : trailers?.OutputTo(writer) ?? writer;
        var left = answer.Length;
        var (unsent, streams) = (false, answer.Body != BodyKind.Length);
        _chunks = new ChunkedDecoder { Trailers = trailers?.Trailers };
        var turn = new CopyTurn();
        while (true)
        {
            var taken = 0;
            if (!connection.Buffered.IsEmpty)
            {
                taken = Take(answer.Body, output, ref left);
                connection.Consume(taken);
                unsent |= taken != 0;
                if (answer.Body == BodyKind.Length ? left == 0 : _chunks.IsDone)
                    break;
            }

            // Flush before waiting for more, and flush the head of a stream even without data.
            if (unsent)
            {
                if ((await writer.FlushAsync()).IsCompleted)
                    throw new ClientGoneException();
            }
            else if (streams)
            {
                await response.Body.FlushAsync();
            }

            (unsent, streams) = (false, false);
            if (turn.IsOver(taken))
                await Task.Yield();
            if (await connection.ReceiveAsync(ResponseHead.MaxBytes) != 0)
                continue;
            if (answer.Body == BodyKind.UntilClose)
                break;
            throw new IOException("The program closed the connection before its response was complete.");
        }

        trailers?.End(writer);
        if (answer.Body == BodyKind.Length)
            await writer.FlushAsync();
        else
            await response.CompleteAsync();
    }

    private int Take(BodyKind kind, IBufferWriter<byte>? output, ref long left)
    {
        var available = connection.Buffered;
        if (kind == BodyKind.Chunked)
            return _chunks.Decode(available, output);
        if (kind == BodyKind.Length && left < available.Length)
            available = available[..(int)left];
        output?.WriteAll(available);
        left -= available.Length;
        return available.Length;
    }

    private async ValueTask UpgradeAsync(HttpContext context)
    {
        await using var client = await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        using var ended = new CancellationTokenSource();
        var sending = SendUpgradedAsync(client, ended.Token);
        var turn = new CopyTurn();
        try
        {
            do
            {
                var moved = connection.Buffered.Length;
                await client.WriteAsync(connection.BufferedMemory);
                await client.FlushAsync();
                connection.Consume(moved);
                if (turn.IsOver(moved))
                    await Task.Yield();
            } while (await connection.ReceiveAsync(ResponseHead.MaxBytes) != 0);
        }
        finally
        {
            // Kestrel cannot half-close the connection to the client.
            await ended.CancelAsync();
            connection.Dispose();
            await sending;
        }
    }

    private async Task SendUpgradedAsync(Stream client, CancellationToken ended)
    {
        var turn = new CopyTurn();
        try
        {
            while (true)
            {
                var read = await client.ReadAsync(_output.Whole, ended);
                if (read == 0)
                    break;
                await connection.SendAsync(_output.Whole[..read]);
                if (turn.IsOver(read))
                    await Task.Yield();
            }

            await connection.EndSendingAsync();
        }
        catch (Exception exception)
            when (exception is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Failure ??= exception;
            connection.Dispose();
        }
    }

    private async Task<bool> SendWhenWelcomeAsync(PipeReader body, bool chunked, TaskCompletionSource<bool> welcome)
    {
        // A destination that does not implement Expect: 100-continue waits for the body.
        var told = await Task.WhenAny(welcome.Task, Task.Delay(ContinueTimeout)) == welcome.Task;
        return (!told || await welcome.Task) && await SendBodyAsync(body, chunked);
    }

    private async Task<bool> SendBodyAsync(PipeReader body, bool chunked)
    {
        try
        {
            return await _body.SendAsync(body, chunked);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The destination reads no more of the body; its response decides.
            return false;
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // A truncated request must not look complete.
            Failure ??= exception;
            FailedByClient = true;
            connection.Dispose();
            return false;
        }
    }

    private async ValueTask EndSendingAsync(HttpContext context, Http1Outcome outcome)
    {
        _welcome?.TrySetResult(false);
        _welcome = null;
        if (_sending is not { } sending)
            return;
        _sending = null;
        if (!sending.IsCompleted && outcome == Http1Outcome.Done)
        {
            // The response completed before the request: the client gets it now, and the rest of the request gets a short time to finish.
            await context.Response.CompleteAsync();
            await Task.WhenAny(sending, Task.Delay(RequestEndGrace));
        }

        if (!sending.IsCompleted)
        {
            _body.Stop(context.Request.BodyReader);
            connection.Dispose();
        }

        _requestSent = await sending;
    }
}
