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
    private readonly Lane[] lanes;
    private readonly string host;
    private readonly int perSecond;
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentQueue<string> failures = new();
    private readonly ConcurrentQueue<DateTime> broken = new();
    private readonly Task running;
    private bool disposed;
    private long answered;
    private long lost;
    private long waiting;
    private long skipped;

    /// <param name="gateways">The gateways.</param>
    /// <param name="host">The Host header of the requests.</param>
    /// <param name="perSecond">Requests per second, over all gateways.</param>
    public SteadyTraffic(IReadOnlyList<Uri> gateways, string host, int perSecond)
    {
        lanes = [.. gateways.Select(gateway => new Lane(gateway))];
        this.host = host;
        this.perSecond = perSecond;
        running = Task.Run(RunAsync);
    }

    /// <summary>The number of 200 responses.</summary>
    public long Answered => Interlocked.Read(ref answered);

    /// <summary>The number of requests that failed because their gateway went down.</summary>
    public long Lost => Interlocked.Read(ref lost);

    /// <summary>The number of requests not sent because too many were pending.</summary>
    public long Skipped => Interlocked.Read(ref skipped);

    /// <summary>The errors of requests on live gateways.</summary>
    public IReadOnlyCollection<string> Failures => failures;

    /// <summary>When connections of requests broke on gateways that were not marked as down; these are failures too.</summary>
    public IReadOnlyCollection<DateTime> Broken => broken;

    /// <summary>Takes a gateway out of rotation; requests in flight may fail.</summary>
    public void Down(int gateway) => lanes[gateway].IsDown = true;

    /// <summary>Puts a gateway back into rotation.</summary>
    public void Up(int gateway) => lanes[gateway].IsDown = false;

    /// <summary>Stops sending; requests in flight are no longer counted. May be called again.</summary>
    public async ValueTask DisposeAsync()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        await stop.CancelAsync();
        await running;
        foreach (var lane in lanes)
        {
            lane.Client.Dispose();
        }

        stop.Dispose();
    }

    private async Task RunAsync()
    {
        var watch = Stopwatch.StartNew();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        var sent = 0L;
        try
        {
            while (await timer.WaitForNextTickAsync(stop.Token))
            {
                for (; sent < watch.Elapsed.TotalSeconds * perSecond; sent++)
                {
                    var lane = lanes[sent % lanes.Length];
                    if (lane.IsDown)
                    {
                        lane = Array.Find(lanes, other => !other.IsDown) ?? lane;
                    }

                    if (Interlocked.Increment(ref waiting) > MostWaiting)
                    {
                        Interlocked.Decrement(ref waiting);
                        Interlocked.Increment(ref skipped);
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
            using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = host } };
            using var response = await lane.Client.SendAsync(request, stop.Token);
            var body = await response.Content.ReadAsStringAsync(stop.Token);
            failure = response.StatusCode == HttpStatusCode.OK ? null : $"{(int)response.StatusCode} {body.Trim()}";
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
        {
            failure = error.GetBaseException().Message;
            isBroken = true;
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }

        if (failure is null)
        {
            Interlocked.Increment(ref answered);
        }
        else if (lane.IsDown)
        {
            Interlocked.Increment(ref lost);
        }
        else if (!stop.IsCancellationRequested)
        {
            if (isBroken)
            {
                broken.Enqueue(DateTime.UtcNow);
            }

            failures.Enqueue($"{lane.Gateway}, sent {began:HH:mm:ss.fff}, after {(DateTime.UtcNow - began).TotalMilliseconds:0} ms: {failure}");
        }
    }

    private sealed class Lane(Uri gateway)
    {
        public Uri Gateway => gateway;

        public volatile bool IsDown;

        public HttpClient Client { get; } = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = gateway, Timeout = TimeSpan.FromSeconds(30) };
    }
}
