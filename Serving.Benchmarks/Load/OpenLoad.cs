using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Serving.Benchmarks.Load;

/// <summary>
/// Sends requests at given times, whether or not earlier ones were answered, and counts the latency of each from the time at which it was
/// due. So a server that stalls is charged for the requests that waited meanwhile: none is left out because the client waited too.
/// </summary>
/// <param name="target">Where the requests go.</param>
/// <param name="host">The Host header; null for the target's.</param>
internal sealed partial class OpenLoad(Uri target, string? host) : IDisposable
{
    private const int ReportedFailures = 10;

    /// <summary>The requests in flight above which further ones fail at once.</summary>
    private const int MostInFlight = 20_000;

    private readonly HttpClient _http = new(
        new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null,
            PooledConnectionIdleTimeout = TimeSpan.FromMinutes(1),
        }
    )
    {
        Timeout = TimeSpan.FromSeconds(60),
    };

    private int _inFlight;

    /// <summary>Headers that each request has.</summary>
    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];

    /// <summary>Sends the requests of steps, one step after the other; returns when all were answered.</summary>
    public Task<LoadResult> RunAsync(params IReadOnlyList<LoadStep> steps) => RunAsync(steps, CancellationToken.None);

    /// <summary>The same until it is cancelled: then no further request is sent, and those that were sent are the result.</summary>
    public async Task<LoadResult> RunAsync(IReadOnlyList<LoadStep> steps, CancellationToken end)
    {
        var due = LoadStep.DueSeconds(steps);
        var results = new LoadedRequest[due.Length];
        var requests = new List<Task>(due.Length);
        var failures = new ConcurrentQueue<string>();
        var began = Stopwatch.GetTimestamp();

        // A thread of its own: one of the pool would be late when the pool is busy.
        await Task.Factory.StartNew(
            () =>
            {
                for (var i = 0; i < due.Length && !end.IsCancellationRequested; i++)
                {
                    WaitUntil(began, due[i]);
                    requests.Add(SendAsync(i));
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default
        );
        await Task.WhenAll(requests);
        return new LoadResult(results[..requests.Count], [.. failures]);

        async Task SendAsync(int index)
        {
            var late = Stopwatch.GetElapsedTime(began).TotalSeconds - due[index];
            var problem = await TryAsync();
            var latency = Stopwatch.GetElapsedTime(began).TotalSeconds - due[index];
            results[index] = new LoadedRequest(due[index], late * 1000, latency * 1000, problem is null);
            if (problem is not null && failures.Count < ReportedFailures)
                failures.Enqueue(problem);
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>Sends a request; returns why it failed, or null.</summary>
    private async Task<string?> TryAsync()
    {
        if (Interlocked.Increment(ref _inFlight) > MostInFlight)
        {
            Interlocked.Decrement(ref _inFlight);
            return $"{MostInFlight} requests were in flight already";
        }

        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, target);
            request.Headers.Host = host;
            foreach (var (name, value) in Headers)
                request.Headers.TryAddWithoutValidation(name, value);
            using var response = await _http.SendAsync(request);
            return response.IsSuccessStatusCode ? null : $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}";
        }
        catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
        {
            return failure.Message;
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    // Thread.Sleep knows whole milliseconds only, which is the distance of two requests at 1,000 a second.
    private static void WaitUntil(long began, double dueSeconds)
    {
        for (double left; (left = dueSeconds - Stopwatch.GetElapsedTime(began).TotalSeconds) > 0; )
        {
            // Interrupted by a signal it returns early, and the loop waits for the rest.
            _ = Sleep((uint)Math.Clamp(left * 1_000_000, 1, 500_000));
        }
    }

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int Sleep(uint microseconds);
}
