using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;

namespace Serving.Tests.Cluster.Failover;

/// <summary>
/// Requests at a steady rate, round-robin over the gateways like a load balancer: a gateway out of
/// rotation gets none. Failures on a gateway that is down are counted separately from those on live gateways.
/// </summary>
internal sealed class SteadyTraffic : IAsyncDisposable
{
    private const int MostWaiting = 1000;

    /// <summary>
    /// Shorter than any drain delay of the tests: a request that is sent on an idle connection in the moment when the server closes it is
    /// lost with every server of HTTP/1.1, and this client does not send it again after a reset.
    /// </summary>
    private static readonly TimeSpan LongestIdle = TimeSpan.FromSeconds(1);

    private readonly Lane[] _lanes;
    private readonly string _host;
    private readonly int _perSecond;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly ConcurrentQueue<DateTime> _broken = new();
    private readonly Task _running;
    private bool _disposed;
    private long _answered;
    private long _lost;
    private long _waiting;
    private long _skipped;

    /// <param name="gateways">The gateways.</param>
    /// <param name="host">The Host header of the requests.</param>
    /// <param name="perSecond">Requests per second, over all gateways.</param>
    public SteadyTraffic(IReadOnlyList<Uri> gateways, string host, int perSecond)
    {
        _lanes = [.. gateways.Select(gateway => new Lane(gateway))];
        _host = host;
        _perSecond = perSecond;
        _running = Task.Run(RunAsync);
    }

    /// <summary>The number of 200 responses.</summary>
    public long Answered => Interlocked.Read(ref _answered);

    /// <summary>The number of requests that failed because their gateway went down.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>The number of requests not sent because too many were pending.</summary>
    public long Skipped => Interlocked.Read(ref _skipped);

    /// <summary>The errors of requests on live gateways.</summary>
    public IReadOnlyCollection<string> Failures => _failures;

    /// <summary>When connections of requests broke on gateways that were not marked as down; these are failures too.</summary>
    public IReadOnlyCollection<DateTime> Broken => _broken;

    /// <summary>Takes a gateway out of rotation; requests in flight may fail.</summary>
    public void Down(int gateway) => _lanes[gateway].IsDown = true;

    /// <summary>Puts a gateway back into rotation.</summary>
    public void Up(int gateway) => _lanes[gateway].IsDown = false;

    /// <summary>Stops sending; requests in flight are no longer counted. May be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        await _stop.CancelAsync();
        await _running;
        foreach (var lane in _lanes)
        {
            lane.Client.Dispose();
        }

        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var watch = Stopwatch.StartNew();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        var sent = 0L;
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                for (; sent < watch.Elapsed.TotalSeconds * _perSecond; sent++)
                {
                    var lane = _lanes[sent % _lanes.Length];
                    if (lane.IsDown)
                    {
                        lane = Array.Find(_lanes, other => !other.IsDown) ?? lane;
                    }

                    if (Interlocked.Increment(ref _waiting) > MostWaiting)
                    {
                        Interlocked.Decrement(ref _waiting);
                        Interlocked.Increment(ref _skipped);
                        continue;
                    }

                    _ = SendAsync(lane);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped.
        }
    }

    private async Task SendAsync(Lane lane)
    {
        var began = DateTime.UtcNow;
        string? failure = null;
        var isBroken = false;
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = _host } };
            using var response = await lane.Client.SendAsync(request, _stop.Token);
            var body = await response.Content.ReadAsStringAsync(_stop.Token);
            failure = response.StatusCode == HttpStatusCode.OK ? null : $"{(int)response.StatusCode} {body.Trim()}";
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
        {
            failure = error.GetBaseException().Message;
            isBroken = true;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }

        if (failure is null)
        {
            Interlocked.Increment(ref _answered);
        }
        else if (lane.IsDown)
        {
            Interlocked.Increment(ref _lost);
        }
        else if (!_stop.IsCancellationRequested)
        {
            if (isBroken)
            {
                _broken.Enqueue(DateTime.UtcNow);
            }

            _failures.Enqueue(
                $"{lane.Gateway}, sent {began:HH:mm:ss.fff}, after {(DateTime.UtcNow - began).TotalMilliseconds:0} ms: {failure}"
            );
        }
    }

    private sealed class Lane(Uri gateway)
    {
        public Uri Gateway => gateway;

        public volatile bool IsDown;

        public HttpClient Client { get; } =
            new(new SocketsHttpHandler { UseProxy = false, PooledConnectionIdleTimeout = LongestIdle })
            {
                BaseAddress = gateway,
                Timeout = TimeSpan.FromSeconds(30),
            };
    }
}
