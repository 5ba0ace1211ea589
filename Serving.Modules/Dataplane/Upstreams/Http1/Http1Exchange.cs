using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Serving.Dataplane.Http1;

/// <summary>
/// One request and its answer on one connection. Both directions run at once, so that an answer may begin, and even end,
/// before the request does:
/// <code>
///   client ── BodyReader ──► RequestBody ──────► socket ──► destination
///   client ◄── BodyWriter ◄── CopyBody ◄── head ◄── socket ◄── destination
/// </code>
/// One object serves a connection for its life, one request after the other.
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

    /// <summary>What failed, unless it is done.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Whether the client's request was at fault.</summary>
    public bool FailedByClient { get; private set; }

    /// <summary>What the queue-proxy at the other end said of its program; <see cref="UpstreamResult.Done"/> when it said nothing.</summary>
    public UpstreamResult Unserved { get; private set; }

    /// <summary>Whether the request's body can still be read from its start.</summary>
    public bool IsBodyUnread => _body.IsUnread;

    /// <summary>Sends the request and copies the answer. When it returns nothing of it is under way any more.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Http1Outcome> RunAsync(HttpContext context, UpstreamTarget target, RequestShape shape, CancellationToken cancellation)
    {
        (IsReusable, Failure, FailedByClient) = (false, null, false);
        (_requestSent, _answered, _keepAlive) = (false, false, false);
        Unserved = UpstreamResult.Done;
        _body.Begin(_output, target.IsQueueProxy);
        var aborted = context.RequestAborted;
        var byCaller = cancellation.UnsafeRegister(static state => ((Http1Connection)state!).Abort(), connection);
        var byClient = aborted == cancellation ? default : aborted.UnsafeRegister(static state => ((Http1Connection)state!).Abort(), connection);
        connection.Open();
        _output.Open();
        var outcome = Http1Outcome.Failed;
        try
        {
            await ExchangeAsync(context, target, shape);
            outcome = Unserved is UpstreamResult.Unsent or UpstreamResult.Lost ? Http1Outcome.Unserved : Http1Outcome.Done;
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Failure ??= exception;
            FailedByClient |= exception is BadHttpRequestException;
            if (!_answered && !FailedByClient) outcome = Http1Outcome.Stale;
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

        return outcome != Http1Outcome.Done && (Failure is ClientGoneException || cancellation.IsCancellationRequested || aborted.IsCancellationRequested) ? Http1Outcome.Canceled : outcome;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ExchangeAsync(HttpContext context, UpstreamTarget target, RequestShape shape)
    {
        if (!RequestHead.TryWrite(_output, context, target, shape)) throw new BadHttpRequestException("The request has a header that HTTP/1.1 cannot carry.");
        var body = shape.HasBody ? context.Request.BodyReader : null;
        _requestSent = body is null || (!shape.ExpectsContinue && _body.TryAppendWhole(body, shape));
        await connection.SendAsync(_output.Written);
        if (shape.ExpectsContinue) _sending = SendWhenWelcomeAsync(body!, shape.Chunked, _welcome = new(TaskCreationOptions.RunContinuationsAsynchronously));
        else if (!_requestSent) _sending = SendBodyAsync(body!, shape.Chunked);

        var (head, status) = await ReceiveHeadAsync();
        var upgraded = status == StatusCodes.Status101SwitchingProtocols;
        if (upgraded && !shape.Upgrade) throw new Http1FormatException("The program switched the protocol unasked.");
        var answer = ResponseHead.CopyTo(context.Response, connection.Buffered[..head], status, HttpMethods.IsHead(context.Request.Method));
        connection.Consume(head);
        if (target.IsQueueProxy && answer.Unserved != UpstreamResult.Done)
        {
            Unserved = answer.Unserved;
            if (Unserved is UpstreamResult.Unsent or UpstreamResult.Lost) return;
        }

        _body.Release();
        if (upgraded)
        {
            await UpgradeAsync(context);
            return;
        }

        if (answer.Body != BodyKind.None) await CopyBodyAsync(context.Response, answer);
        _keepAlive = answer.KeepAlive;
    }

    // The length of the head that counts, and its status. Informational ones before it have no way through Kestrel.
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
                if (await connection.ReceiveAsync(ResponseHead.MaxBytes) == 0) throw new IOException("The program closed the connection without a whole response.");
                _answered = true;
                if (connection.Buffered.Length > HeadBudget.Ordinary) TakeRoom(3L * connection.Buffered.Length);
                continue;
            }

            var status = ResponseHead.Status(connection.Buffered);
            if (status is >= 200 or StatusCodes.Status101SwitchingProtocols)
            {
                _welcome?.TrySetResult(false);
                return (length, status);
            }

            if (status == StatusCodes.Status100Continue) _welcome?.TrySetResult(true);
            connection.Consume(length);
            scanned = 0;
        }
    }

    // A head is there once as bytes, and then as text of twice their size.
    private void TakeRoom(long bytes)
    {
        if (!connection.Heads.TryGrow(_headRoom, bytes)) throw new Http1FormatException("The heads of the responses in flight are too large together.");
        _headRoom = bytes;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask CopyBodyAsync(HttpResponse response, ResponseShape answer)
    {
        var trailers = TrailedResponse.Begin(response, answer);
        await response.StartAsync();
        var writer = response.BodyWriter;

        // Kestrel takes no body for this one, whatever the destination says.
        IBufferWriter<byte>? output = response.StatusCode == StatusCodes.Status205ResetContent ? null : trailers?.OutputTo(writer) ?? writer;
        var left = answer.Length;
        var (unsent, streams) = (false, answer.Body != BodyKind.Length);
        _chunks = new ChunkedDecoder { Trailers = trailers?.Trailers };
        while (true)
        {
            if (!connection.Buffered.IsEmpty)
            {
                var taken = Take(answer.Body, output, ref left);
                connection.Consume(taken);
                unsent |= taken != 0;
                if (answer.Body == BodyKind.Length ? left == 0 : _chunks.IsDone) break;
            }

            // What is there goes out before more is waited for, and so does the bare head of a stream.
            if (unsent)
            {
                if ((await writer.FlushAsync()).IsCompleted) throw new ClientGoneException();
            }
            else if (streams)
            {
                await response.Body.FlushAsync();
            }

            (unsent, streams) = (false, false);
            if (await connection.ReceiveAsync(ResponseHead.MaxBytes) != 0) continue;
            if (answer.Body == BodyKind.UntilClose) break;
            throw new IOException("The program closed the connection within its response.");
        }

        trailers?.End(writer);
        if (answer.Body == BodyKind.Length) await writer.FlushAsync();
        else await response.CompleteAsync();
    }

    private int Take(BodyKind kind, IBufferWriter<byte>? output, ref long left)
    {
        var available = connection.Buffered;
        if (kind == BodyKind.Chunked) return _chunks.Decode(available, output);
        if (kind == BodyKind.Length && left < available.Length) available = available[..(int)left];
        output?.WriteAll(available);
        left -= available.Length;
        return available.Length;
    }

    private async ValueTask UpgradeAsync(HttpContext context)
    {
        await using var client = await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        using var ended = new CancellationTokenSource();
        var sending = SendUpgradedAsync(client, ended.Token);
        try
        {
            do
            {
                await client.WriteAsync(connection.BufferedMemory);
                await client.FlushAsync();
                connection.Consume(connection.Buffered.Length);
            }
            while (await connection.ReceiveAsync(ResponseHead.MaxBytes) != 0);
        }
        finally
        {
            // Towards the client there is no half of a connection to close.
            await ended.CancelAsync();
            connection.Dispose();
            await sending;
        }
    }

    private async Task SendUpgradedAsync(Stream client, CancellationToken ended)
    {
        try
        {
            while (true)
            {
                var read = await client.ReadAsync(_output.Whole, ended);
                if (read == 0) break;
                await connection.SendAsync(_output.Whole[..read]);
            }

            await connection.EndSendingAsync();
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Failure ??= exception;
            connection.Dispose();
        }
    }

    private async Task<bool> SendWhenWelcomeAsync(PipeReader body, bool chunked, TaskCompletionSource<bool> welcome)
    {
        // A destination that has never heard of the expectation waits for the body.
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
            // The destination takes no more of it; what it answers decides.
            return false;
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // Half a request must not look like a whole one.
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
        if (_sending is not { } sending) return;
        _sending = null;
        if (!sending.IsCompleted && outcome == Http1Outcome.Done)
        {
            // The answer came before the request was through: the client gets it now, and a request that is as good as sent its last moment.
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
