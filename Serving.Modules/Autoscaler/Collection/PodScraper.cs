using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Collection;

/// <summary>
/// Asks queue-proxies directly, at the addresses of their pods. A sample of the pods is asked; pods older than the stable
/// window first, since the averages of young ones are low. A pod that does not answer is made up for by another.
/// </summary>
internal sealed class PodScraper : IPodScraper, IDisposable
{
    private const int LargestAnswer = 64 * 1024;
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(3);

    private readonly ILister<Pod> pods;
    private readonly TimeProvider time;
    private readonly int port;
    private readonly HttpClient http;

    /// <param name="pods">The pods of all revisions.</param>
    /// <param name="time">The clock by which pods are old or young.</param>
    /// <param name="port">The port of the measurements.</param>
    public PodScraper(ILister<Pod> pods, TimeProvider time, int port = NetworkingKeys.AutoscalingMetricsPort)
    {
        this.pods = pods;
        this.time = time;
        this.port = port;
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ConnectTimeout = TimeSpan.FromSeconds(1),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
            ActivityHeadersPropagator = null,
        };
        http = new HttpClient(handler) { Timeout = AnswerTimeout, MaxResponseContentBufferSize = LargestAnswer };
    }

    public void Dispose() => http.Dispose();

    public async Task<Stat?> ScrapeAsync(Metric metric, CancellationToken cancellation)
    {
        var (old, young) = SplitByAge(metric);
        var total = old.Count + young.Count;
        if (total == 0) return null;
        var sample = SampleSize.Of(total);
        Random.Shared.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(old.Count < sample ? young : old));
        var targets = new ConcurrentQueue<string>(old.Concat(young));
        var failures = new ConcurrentQueue<string>();
        var answers = await Task.WhenAll(Enumerable.Range(0, sample).Select(_ => FirstAnswerAsync(targets, failures, cancellation))).ConfigureAwait(false);
        if (answers.Any(answer => answer is null))
        {
            throw new ScrapeException($"too few pods answered, {answers.Count(a => a is not null)} of {sample}: {string.Join("; ", failures.Take(3))}");
        }

        return Extrapolate(answers, total);
    }

    private static Stat Extrapolate(Stat?[] answers, int total)
    {
        var factor = (double)total / answers.Length;
        return new Stat
        {
            PodName = "service-scraper",
            AverageConcurrentRequests = factor * answers.Sum(a => a!.Value.AverageConcurrentRequests),
            AverageProxiedConcurrentRequests = factor * answers.Sum(a => a!.Value.AverageProxiedConcurrentRequests),
            RequestCount = factor * answers.Sum(a => a!.Value.RequestCount),
            ProxiedRequestCount = factor * answers.Sum(a => a!.Value.ProxiedRequestCount),
        };
    }

    private (List<string> Old, List<string> Young) SplitByAge(Metric metric)
    {
        var revision = metric.Metadata.Labels.GetValueOrDefault(ServingKeys.Revision, metric.Metadata.Name);
        var bornBefore = time.GetUtcNow() - TimeSpan.FromTicks(metric.Spec.StableWindow / TimeSpan.NanosecondsPerTick);
        List<string> old = [], young = [];
        foreach (var pod in pods.ByLabel(metric.Metadata.Namespace, ServingKeys.Revision, revision))
        {
            if (!RevisionPods.IsServing(pod) || pod.Status!.PodIP.Length == 0) continue;
            (pod.Status.StartTime <= bornBefore ? old : young).Add(pod.Status.PodIP);
        }

        return (old, young);
    }

    /// <summary>Asks one pod after the other until one answers; null when none is left.</summary>
    private async Task<Stat?> FirstAnswerAsync(ConcurrentQueue<string> targets, ConcurrentQueue<string> failures, CancellationToken cancellation)
    {
        while (targets.TryDequeue(out var address))
        {
            try
            {
                return await AskAsync(address, cancellation).ConfigureAwait(false);
            }
            catch (Exception error) when (error is HttpRequestException or InvalidDataException
                || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
            {
                failures.Enqueue($"{address}: {error.Message}");
            }
        }

        return null;
    }

    private async Task<Stat> AskAsync(string address, CancellationToken cancellation)
    {
        var host = IPAddress.TryParse(address, out var ip) && ip.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{address}]" : address;
        using var request = new HttpRequestMessage(HttpMethod.Get, string.Create(CultureInfo.InvariantCulture, $"http://{host}:{port}/metrics"));
        request.Headers.TryAddWithoutValidation("Accept", StatCodec.ContentType);
        using var response = await http.SendAsync(request, cancellation).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        return StatCodec.Decode(await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false));
    }
}
