using System.Collections.Concurrent;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Concurrency.Sockets;
using Serving.Dataplane;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes.Informers;

namespace Serving.Autoscaler.Collection;

/// <summary>
/// Scrapes queue-proxies directly at the addresses of their pods. Only a sample is scraped, pods older than the stable window first,
/// because the averages of young ones are low. A pod that does not respond is replaced by another. If a mesh blocks direct requests (set in
/// config-network, or detected because the responses of all pods look like it) they are scraped through their Service.
/// </summary>
internal sealed class PodScraper : IPodScraper, IDisposable
{
    private const int LargestAnswer = 64 * 1024;
    private const string DirectLoadBalancing = "Knative-Direct-Lb";
    private const int MostReportsAtOnce = 32;
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(3);

    /// <summary>A scale-down waits for it.</summary>
    private static readonly TimeSpan ReportTimeout = TimeSpan.FromSeconds(1);

    /// <summary>The stat of a revision without ready pods.</summary>
    private static readonly Task<Stat?> Nothing = Task.FromResult<Stat?>(null);

    private readonly ILister<Pod> _pods;
    private readonly Func<NetworkConfig> _network;
    private readonly TimeProvider _time;
    private readonly int _port;
    private readonly HttpClient _http;
    private readonly ServiceScrape _service;

    /// <param name="pods">The pods of all revisions.</param>
    /// <param name="network">Returns the current config-network, which says whether there may be a mesh.</param>
    /// <param name="time">The clock that determines the age of pods.</param>
    /// <param name="port">The port of the stats.</param>
    /// <param name="serviceAddress">Returns the address of a metric's Service; null to use its DNS name.</param>
    public PodScraper(
        ILister<Pod> pods,
        Func<NetworkConfig> network,
        TimeProvider time,
        int port = NetworkingKeys.AutoscalingMetricsPort,
        Func<Metric, Uri>? serviceAddress = null
    )
    {
        _pods = pods;
        _network = network;
        _time = time;
        _port = port;
        var handler = PoolConnections.CreateHandler();
        handler.UseProxy = false;
        handler.UseCookies = false;
        handler.AllowAutoRedirect = false;
        handler.ConnectTimeout = TimeSpan.FromSeconds(1);
        handler.PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30);
        handler.ActivityHeadersPropagator = null;
        _http = new HttpClient(handler) { Timeout = AnswerTimeout, MaxResponseContentBufferSize = LargestAnswer };
        _service = new ServiceScrape(
            _http,
            serviceAddress ?? (metric => new Uri($"http://{HostAndPort.Of(HostOf(metric), port)}/metrics"))
        );
    }

    public void Dispose() => _http.Dispose();

    public Task<Stat?> ScrapeAsync(Metric metric, ScrapeMemory memory, CancellationToken cancellation)
    {
        // Most revisions are at zero most of the time.
        var pods = PodsOf(metric);
        return pods.Count == 0 ? Nothing : ScrapeAsync(metric, memory, pods, cancellation);
    }

    /// <summary>Returns what single pods report of this moment, in the same order; null for those that do not respond within a second, and
    /// for all when they cannot be addressed because of a mesh.</summary>
    /// <param name="pods">Pods of one revision; at least one.</param>
    /// <param name="memory">State kept between scrapes of the revision; null for none.</param>
    /// <param name="service">The Service of the pods.</param>
    /// <param name="cancellation">Cancels the requests.</param>
    public async Task<PodReport?[]> ReportsAsync(
        IReadOnlyList<Pod> pods,
        ScrapeMemory? memory,
        string service,
        CancellationToken cancellation
    )
    {
        var reports = new PodReport?[pods.Count];
        var config = _network();
        var isAddressable = config.MeshCompatibilityMode switch
        {
            MeshCompatibilityMode.Enabled => false,
            MeshCompatibilityMode.Auto => config.EnableMeshPodAddressability || memory is not { IsBehindMesh: true },
            _ => true,
        };
        if (!isAddressable)
            return reports;
        var throughMesh = config.EnableMeshPodAddressability ? $"{service}.{pods[0].Metadata.Namespace}" : null;
        using var deadline = new CancellationTokenSource(ReportTimeout, _time);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        using var places = new SemaphoreSlim(MostReportsAtOnce);
        await Task.WhenAll(Enumerable.Range(0, pods.Count).Select(async index => reports[index] = await ReportAsync(pods[index])));
        cancellation.ThrowIfCancellationRequested();
        return reports;

        async Task<PodReport?> ReportAsync(Pod pod)
        {
            if (pod.Status is not { PodIP: { Length: > 0 } address })
                return null;
            try
            {
                await places.WaitAsync(ending.Token);
            }
            catch (OperationCanceledException)
            {
                return null;
            }

            try
            {
                using var request = RequestOf(address, throughMesh);
                return await StatAnswer.ReportAsync(_http, request, ending.Token);
            }
            catch (Exception error) when (StatAnswer.IsMissing(error, cancellation) || ending.IsCancellationRequested)
            {
                return null;
            }
            finally
            {
                places.Release();
            }
        }
    }

    private async Task<Stat?> ScrapeAsync(Metric metric, ScrapeMemory memory, IReadOnlyList<Pod> pods, CancellationToken cancellation)
    {
        var window = TimeSpan.FromTicks(metric.Spec.StableWindow / TimeSpan.NanosecondsPerTick);
        var (old, young) = SplitByAge(pods, window);
        var total = old.Count + young.Count;
        if (total == 0)
            return null;
        var config = _network();
        if (config.MeshCompatibilityMode == MeshCompatibilityMode.Auto && !config.EnableMeshPodAddressability)
        {
            return await FindOutAsync(metric, memory, old, young, window, cancellation);
        }

        // The mode is configured: what was detected before may be outdated when detection is used again.
        memory.IsBehindMesh = false;
        return config.MeshCompatibilityMode == MeshCompatibilityMode.Enabled
            ? await _service.ScrapeAsync(metric, total, window, cancellation)
            : await ScrapePodsAsync(old, young, config.EnableMeshPodAddressability ? HostOf(metric) : null, cancellation);
    }

    private async Task<Stat> FindOutAsync(
        Metric metric,
        ScrapeMemory memory,
        List<string> old,
        List<string> young,
        TimeSpan window,
        CancellationToken cancellation
    )
    {
        if (!memory.IsBehindMesh)
        {
            try
            {
                return await ScrapePodsAsync(old, young, throughMesh: null, cancellation);
            }
            catch (ScrapeException failure) when (failure.IsMesh)
            {
                // Scrape the Service to check whether there is a mesh.
            }
        }

        var stat = await _service.ScrapeAsync(metric, old.Count + young.Count, window, cancellation);
        memory.IsBehindMesh = true;
        return stat;
    }

    private static string HostOf(Metric metric) => $"{metric.Spec.ScrapeTarget}.{metric.Metadata.Namespace}";

    private async Task<Stat> ScrapePodsAsync(List<string> old, List<string> young, string? throughMesh, CancellationToken cancellation)
    {
        var total = old.Count + young.Count;
        var sample = SampleSize.Of(total);
        Random.Shared.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(old.Count < sample ? young : old));
        var targets = new ConcurrentQueue<string>(old.Concat(young));
        var failures = new ConcurrentQueue<(string What, bool MayBeMesh)>();
        var answers = await Task.WhenAll(
            Enumerable.Range(0, sample).Select(_ => FirstResponseAsync(targets, failures, throughMesh, cancellation))
        );
        var answered = answers.Where(static answer => answer is not null).Select(static answer => answer!.Value).ToList();
        if (answered.Count < sample)
        {
            throw new ScrapeException(
                $"too few pods responded, {answered.Count} of {sample}: {string.Join("; ", failures.Take(3).Select(static failure => failure.What))}"
            )
            {
                IsMesh = answered.Count == 0 && failures.All(static failure => failure.MayBeMesh),
            };
        }

        return StatAnswer.Extrapolate(answered, total);
    }

    private IReadOnlyList<Pod> PodsOf(Metric metric) =>
        _pods.ByLabel(
            metric.Metadata.Namespace,
            ServingKeys.Revision,
            metric.Metadata.Labels.GetValueOrDefault(ServingKeys.Revision, metric.Metadata.Name)
        );

    private (List<string> Old, List<string> Young) SplitByAge(IReadOnlyList<Pod> pods, TimeSpan window)
    {
        var bornBefore = _time.GetUtcNow() - window;
        List<string> old = [],
            young = [];
        foreach (var pod in pods)
        {
            if (!RevisionPods.IsServing(pod) || pod.Status!.PodIP.Length == 0)
                continue;
            (pod.Status.StartTime <= bornBefore ? old : young).Add(pod.Status.PodIP);
        }

        return (old, young);
    }

    /// <summary>Scrapes one pod after the other until one responds; null when none is left.</summary>
    private async Task<Stat?> FirstResponseAsync(
        ConcurrentQueue<string> targets,
        ConcurrentQueue<(string What, bool MayBeMesh)> failures,
        string? throughMesh,
        CancellationToken cancellation
    )
    {
        while (targets.TryDequeue(out var address))
        {
            try
            {
                return await AskAsync(address, throughMesh, cancellation);
            }
            catch (Exception error) when (StatAnswer.IsMissing(error, cancellation))
            {
                failures.Enqueue(($"{address}: {error.Message}", StatAnswer.MayBeMesh(error)));
            }
        }

        return null;
    }

    private async Task<Stat> AskAsync(string address, string? throughMesh, CancellationToken cancellation)
    {
        using var request = RequestOf(address, throughMesh);
        return await StatAnswer.AskAsync(_http, request, cancellation);
    }

    private HttpRequestMessage RequestOf(string address, string? throughMesh)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, $"http://{HostAndPort.Of(address, _port)}/metrics");
        if (throughMesh is not null)
        {
            // Meshes recognize one or the other of the two spellings.
            request.Headers.Host = throughMesh;
            request.Headers.TryAddWithoutValidation(DataplaneHeaders.PassthroughLoadBalancing, "true");
            request.Headers.TryAddWithoutValidation(DirectLoadBalancing, "true");
        }

        return request;
    }
}
