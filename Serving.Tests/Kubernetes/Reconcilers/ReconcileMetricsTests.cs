using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Reconcilers;

public sealed class ReconcileMetricsTests
{
    private static IEnumerable<TestCaseData> Outcomes =>
        [
            new TestCaseData(null).Returns("success"),
            new TestCaseData(Failure(409, "Conflict")).Returns("conflict"),
            new TestCaseData(new AwaitedException("the Deployment is not there yet")).Returns("waiting"),
            new TestCaseData(Failure(404, "NotFound")).Returns("waiting"),
            new TestCaseData(
                new KubernetesException("get", new Status { Code = 503, Message = "away" }, new HttpRequestException())
            ).Returns("unreachable"),
            new TestCaseData(new InvalidOperationException("a bug")).Returns("failure"),
        ];

    [TestCaseSource(nameof(Outcomes))]
    public async Task<string> A_reconcile_is_counted_with_its_result(Exception? thrown)
    {
        var name = $"measured-{Guid.NewGuid():N}";
        var time = new ManualTimeProvider();
        using var collected = new CollectedMetrics(ReconcileMetrics.MeterName);
        var loop = new ReconcileLoop(new Once(name, time, thrown), NullLogger.Instance, time);
        loop.Enqueue(new ObjectKey("a", "b"));
        using var stop = new CancellationTokenSource();
        var running = loop.RunAsync(new InMemoryCluster(), stop.Token);
        IEnumerable<KeyValuePair<string, double>> Series() =>
            collected.Collect().Where(one => one.Key.Contains(name, StringComparison.Ordinal));
        await Eventually.HoldsAsync(() => Series().Should().ContainSingle());
        await stop.CancelAsync();
        await running;

        var (series, seconds) = Series().Single();
        seconds.Should().Be(3);
        return series.Split("result=")[1].TrimEnd('}');
    }

    private static KubernetesException Failure(int code, string reason) =>
        new(
            "update",
            new Status
            {
                State = "Failure",
                Code = code,
                Reason = reason,
            }
        );

    private sealed class Once(string name, ManualTimeProvider time, Exception? thrown) : IReconciler
    {
        public string Name => name;

        public Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
        {
            time.Advance(TimeSpan.FromSeconds(3));
            return thrown is null ? Task.FromResult(Reconcile.Done) : throw thrown;
        }
    }
}
