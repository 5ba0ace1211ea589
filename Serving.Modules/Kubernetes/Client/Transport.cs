using System.Buffers;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;

namespace Serving.Kubernetes;

/// <summary>
/// Sends requests to the API server: authorizes them, bounds and repeats them, and turns refusals into
/// <see cref="KubernetesException"/>. A request is only repeated when that cannot do its work twice.
/// </summary>
internal sealed class Transport : IDisposable
{
    /// <summary>More of a refusal than anybody reads.</summary>
    private const int LongestRefusal = 1024 * 1024;

    private readonly ConnectionPool _connections;
    private readonly AnswerSignal _answers;
    private readonly KubernetesConfiguration _configuration;
    private readonly KubernetesClientOptions _options;
    private readonly TimeProvider _time;
    private readonly string _root;
    private readonly string _agent;

    public Transport(KubernetesConfiguration configuration, KubernetesClientOptions options, TimeProvider time, AnswerSignal answers)
    {
        _configuration = configuration;
        _options = options;
        _time = time;
        _root = configuration.Server.AbsoluteUri.TrimEnd('/');
        _agent = options.Instance.Length == 0 ? options.FieldManager : $"{options.FieldManager}/{options.Instance}";
        _answers = answers;
        _connections = new ConnectionPool(configuration);
    }

    /// <summary>What to send. The body can be sent again.</summary>
    internal sealed record Call(string What, HttpMethod Method, string PathAndQuery, byte[]? Body = null, string ContentType = "application/json")
    {
        /// <summary>Whether doing it twice leaves the same as doing it once.</summary>
        public bool Repeatable => Method == HttpMethod.Get || Method == HttpMethod.Put
            || (Method == HttpMethod.Patch && ContentType != "application/json-patch+json");
    }

    /// <summary>Sends and reads the answer whole.</summary>
    public async Task<T> SendAsync<T>(Call call, Func<Stream, CancellationToken, ValueTask<T>> read, CancellationToken cancellation)
    {
        var (refused, renewed) = (false, false);
        for (var attempt = 1; ; attempt++)
        {
            using var limit = new CancellationTokenSource(_options.RequestTimeout, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
            TimeSpan? delay;
            try
            {
                using var response = await RequestAsync(call, refused, either.Token).ConfigureAwait(false);
                refused = false;
                if (response.IsSuccessStatusCode)
                {
                    await using var stream = await response.Content.ReadAsStreamAsync(either.Token).ConfigureAwait(false);
                    return await read(stream, either.Token).ConfigureAwait(false);
                }

                if (response.StatusCode == HttpStatusCode.Unauthorized && !renewed && _configuration.Credential is not null)
                {
                    refused = renewed = true;
                    continue;
                }

                var error = await ErrorAsync(call, response, either.Token).ConfigureAwait(false);
                delay = DelayAfter(call, response, error, attempt) ?? throw error;
            }
            catch (Exception error) when (error is HttpRequestException or IOException or JsonException)
            {
                delay = DelayAfter(call, error, attempt) ?? throw (error is JsonException ? Unreadable(call, error) : Unreachable(call, error));
            }
            catch (OperationCanceledException error) when (limit.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
                delay = call.Repeatable && attempt < _options.Attempts ? Backoff(attempt) : throw TimedOut(call, error);
            }

            await Task.Delay(delay.Value, _time, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Sends and gives the answer as a stream as it comes; only the wait for its headers is bounded, nothing is repeated.</summary>
    public async Task<HttpResponseMessage> OpenAsync(Call call, CancellationToken cancellation)
    {
        for (var refused = false; ; refused = true)
        {
            using var limit = new CancellationTokenSource(_options.RequestTimeout, _time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
            try
            {
                var response = await RequestAsync(call, refused, either.Token).ConfigureAwait(false);
                if (response.IsSuccessStatusCode)
                {
                    return response;
                }

                using (response)
                {
                    if (response.StatusCode == HttpStatusCode.Unauthorized && !refused && _configuration.Credential is not null)
                    {
                        continue;
                    }

                    throw await ErrorAsync(call, response, either.Token).ConfigureAwait(false);
                }
            }
            catch (Exception error) when (error is HttpRequestException or IOException)
            {
                throw Unreachable(call, error);
            }
            catch (OperationCanceledException error) when (limit.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
                throw TimedOut(call, error);
            }
        }
    }

    public void Dispose() => _connections.Dispose();

    /// <summary>A failure that never reached the server, or whose answer never reached us, as status 503 or 504.</summary>
    internal static KubernetesException Unreachable(Call call, Exception error)
        => new(call.What, new Status { State = "Failure", Code = 503, Reason = "ServiceUnavailable", Message = $"the API server cannot be reached: {Innermost(error)}" }, error);

    private static KubernetesException Unreadable(Call call, Exception error)
        => new(call.What, new Status { State = "Failure", Code = 502, Reason = "BadGateway", Message = $"the answer cannot be read: {error.Message}" }, error);

    private static KubernetesException TimedOut(Call call, Exception error)
        => new(call.What, new Status { State = "Failure", Code = 504, Reason = "Timeout", Message = $"the API server did not answer in time: {Innermost(error)}" }, error);

    private static string Innermost(Exception error) => error.GetBaseException().Message;

    private static async Task<KubernetesException> ErrorAsync(Call call, HttpResponseMessage response, CancellationToken cancellation)
    {
        var code = (int)response.StatusCode;
        var body = await ReadRefusalAsync(response, cancellation).ConfigureAwait(false);
        try
        {
            if (JsonSerializer.Deserialize(body.Span, ApiJson.Default.Status) is { Kind: "Status" } status)
            {
                return new KubernetesException(call.What, status.Code is null ? status with { Code = code } : status);
            }
        }
        catch (JsonException)
        {
            // Not every answer on the way is the API server's; a proxy's text is the message then.
        }

        var text = System.Text.Encoding.UTF8.GetString(body.Span[..Math.Min(body.Length, 500)]).Trim();
        return new KubernetesException(
            call.What, new Status { State = "Failure", Code = code, Reason = response.StatusCode.ToString(), Message = text.Length > 0 ? text : response.ReasonPhrase ?? "" });
    }

    private static async Task<ReadOnlyMemory<byte>> ReadRefusalAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        var body = new ArrayBufferWriter<byte>();
        int read;
        while (body.WrittenCount < LongestRefusal && (read = await stream.ReadAsync(body.GetMemory(4096), cancellation).ConfigureAwait(false)) > 0)
        {
            body.Advance(read);
        }

        return body.WrittenMemory;
    }

    private async Task<HttpResponseMessage> RequestAsync(Call call, bool refused, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(call.Method, new Uri(_root + call.PathAndQuery))
        {
            Version = _configuration.Server.Scheme == Uri.UriSchemeHttps ? HttpVersion.Version20 : HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        var term = WriteFence.Term;
        request.Headers.TryAddWithoutValidation("User-Agent", term is null ? _agent : $"{_agent} ({term.Lease})");
        if (await AuthorizationAsync(call, refused, cancellation).ConfigureAwait(false) is { } authorization)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        foreach (var (name, value) in _configuration.Impersonation?.Headers ?? [])
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        if (call.Body is not null)
        {
            request.Content = new ByteArrayContent(call.Body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(call.ContentType);
        }

        WriteFence.Check(term, cancellation);
        var response = await _connections.SendAsync(request, cancellation).ConfigureAwait(false);
        if (response.StatusCode is not (HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout))
        {
            _answers.Answered();
        }

        return response;
    }

    /// <summary>Who we are, by whoever knows. That he fails is no different from a server that is away: it may pass, and everybody tries again.</summary>
    private async ValueTask<string?> AuthorizationAsync(Call call, bool refused, CancellationToken cancellation)
    {
        try
        {
            return _configuration.Credential is { } credential ? await credential.GetAuthorizationAsync(refused, cancellation).ConfigureAwait(false) : null;
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            throw new KubernetesException(call.What, new Status { State = "Failure", Code = 503, Reason = "ServiceUnavailable", Message = $"no credential: {error.Message}" }, error);
        }
    }

    private TimeSpan? DelayAfter(Call call, HttpResponseMessage response, KubernetesException error, int attempt)
    {
        if (attempt >= _options.Attempts)
        {
            return null;
        }

        var asked = RetryAfter(response, error);
        var busy = response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable;

        // With Retry-After, or 429, the server says that it did nothing; a bare 5xx, and a 500 or 504 in any case, may have come after the work.
        var again = response.StatusCode == HttpStatusCode.TooManyRequests
            || (busy && asked is not null)
            || (call.Repeatable && (error.IsAway || (asked is not null && (int)response.StatusCode >= 500)));
        if (!again)
        {
            return null;
        }

        var own = Backoff(attempt);
        var wait = asked is { } seconds && seconds > own ? seconds : own;
        return wait > _options.LongestDelay ? _options.LongestDelay : wait;
    }

    private TimeSpan? DelayAfter(Call call, Exception error, int attempt)
    {
        var neverSent = error is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError };
        return (call.Repeatable || neverSent) && error is not JsonException && attempt < _options.Attempts ? Backoff(attempt) : null;
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response, KubernetesException error)
        => response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - _time.GetUtcNow() is var wait && wait > TimeSpan.Zero ? wait : TimeSpan.Zero,
            _ when error.Status.Details?.RetryAfterSeconds is { } seconds and > 0 => TimeSpan.FromSeconds(seconds),
            _ => null,
        };

    private TimeSpan Backoff(int attempt)
    {
        var longest = Math.Min(_options.FirstDelay.TotalMilliseconds * Math.Pow(2, attempt - 1), _options.LongestDelay.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(longest * (0.5 + (Random.Shared.NextDouble() / 2)));
    }
}
