using System.Text;

namespace Serving.Benchmarks.Soak;

/// <summary>The response on one stream.</summary>
internal sealed class Http2Response
{
    private readonly StringBuilder _body = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The status; 0 before it is received.</summary>
    public int Status { get; private set; }

    /// <summary>The code of the server's RST_STREAM; null when it sent none.</summary>
    public int? ResetCode { get; private set; }

    /// <summary>The body received so far.</summary>
    public string Body
    {
        get
        {
            lock (_body)
                return _body.ToString();
        }
    }

    /// <summary>Completes when the response ends or the stream is reset.</summary>
    public Task Ended => _ended.Task;

    public void Answered(int status)
    {
        if (Status == 0)
            Status = status;
    }

    public void Append(ReadOnlySpan<byte> data)
    {
        lock (_body)
            _body.Append(Encoding.Latin1.GetString(data));
    }

    public void Reset(int code)
    {
        ResetCode = code;
        _ended.TrySetResult();
    }

    public void End() => _ended.TrySetResult();
}
