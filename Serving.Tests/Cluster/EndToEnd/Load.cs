using System.Collections.Concurrent;
using System.Net;
using FluentAssertions;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>Clients that each send sequential requests to one host.</summary>
internal sealed class Load : IAsyncDisposable
{
    private readonly CancellationTokenSource stop = new();
    private readonly ConcurrentQueue<string> failures = new();
    private readonly List<Task> clients = [];
    private readonly TestCluster cluster;
    private readonly string host;
    private readonly string path;
    private readonly TimeSpan pause;
    private int answered;

    /// <param name="cluster">The cluster with the gateway.</param>
    /// <param name="host">The Host header of the requests.</param>
    /// <param name="path">The path.</param>
    /// <param name="clients">The initial number of clients.</param>
    /// <param name="pause">The interval between the starts of a client's requests, unless a response takes longer.</param>
    public Load(TestCluster cluster, string host, string path, int clients, TimeSpan pause = default)
    {
        this.cluster = cluster;
        this.host = host;
        this.path = path;
        this.pause = pause;
        Add(clients);
    }

    /// <summary>The number of responses.</summary>
    public int Answered => Volatile.Read(ref answered);

    /// <summary>Adds clients.</summary>
    public void Add(int count) => clients.AddRange(Enumerable.Range(0, count).Select(_ => Task.Run(RunAsync)));

    /// <summary>Waits for the requests in flight. Fails when any response was not 200.</summary>
    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await Task.WhenAll(clients);
        stop.Dispose();
        failures.Should().BeEmpty($"{answered} requests were answered");
    }

    private async Task RunAsync()
    {
        while (!stop.IsCancellationRequested)
        {
            var next = Task.Delay(pause);
            try
            {
                var (status, body) = await cluster.GetAsync(host, path);
                Interlocked.Increment(ref answered);
                if (status != HttpStatusCode.OK)
                {
                    failures.Enqueue($"{(int)status} {body}");
                }
            }
            catch (Exception failure) when (failure is HttpRequestException or OperationCanceledException)
            {
                failures.Enqueue(failure.Message);
            }

            await next;
        }
    }
}
