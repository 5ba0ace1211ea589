using System.Collections.Concurrent;
using System.Net;
using FluentAssertions;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>Clients that each send sequential requests to one host.</summary>
internal sealed class Load : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _failures = new();
    private readonly List<Task> _clients = [];
    private readonly TestCluster _cluster;
    private readonly string _host;
    private readonly string _path;
    private readonly TimeSpan _pause;
    private int _answered;

    /// <param name="cluster">The cluster with the gateway.</param>
    /// <param name="host">The Host header of the requests.</param>
    /// <param name="path">The path.</param>
    /// <param name="clients">The initial number of clients.</param>
    /// <param name="pause">The interval between the starts of a client's requests, unless a response takes longer.</param>
    public Load(TestCluster cluster, string host, string path, int clients, TimeSpan pause = default)
    {
        _cluster = cluster;
        _host = host;
        _path = path;
        _pause = pause;
        Add(clients);
    }

    /// <summary>The number of responses.</summary>
    public int Answered => Volatile.Read(ref _answered);

    /// <summary>Adds clients.</summary>
    public void Add(int count) => _clients.AddRange(Enumerable.Range(0, count).Select(_ => Task.Run(RunAsync)));

    /// <summary>Waits for the requests in flight. Fails when any response was not 200.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_clients);
        _stop.Dispose();
        _failures.Should().BeEmpty($"{_answered} requests were answered");
    }

    private async Task RunAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var next = Task.Delay(_pause);
            try
            {
                var (status, body) = await _cluster.GetAsync(_host, _path);
                Interlocked.Increment(ref _answered);
                if (status != HttpStatusCode.OK)
                {
                    _failures.Enqueue($"{(int)status} {body}");
                }
            }
            catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
            {
                _failures.Enqueue(failure.Message);
            }

            await next;
        }
    }
}
