using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;

namespace Serving.Benchmarks.Services;

/// <summary>Creates Services at once on a cluster of its own, waits until all are Ready, deletes them, and measures the control
/// planes.</summary>
internal static class ServicesRun
{
    private const string Namespace = "default";
    private const int Writers = 8;

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(9);

    /// <param name="host">The path of Serving.Host.dll.</param>
    /// <param name="controlPlane">The program of the control planes.</param>
    /// <param name="count">The number of Services.</param>
    /// <param name="timing">How long it waits.</param>
    public static async Task<ServicesReport> RunAsync(string host, string controlPlane, int count, ServicesTiming timing)
    {
        await using var hosts = await LocalHosts.StartAsync(host, controlPlane);
        using var ended = new CancellationTokenSource();
        var informers = new SharedInformers(hosts.Client, NullLoggerFactory.Instance);
        var services = informers.For(Resources.KnativeServices, Namespace).Lister;
        var revisions = informers.For(Resources.Revisions, Namespace).Lister;
        var ingresses = informers.For(Resources.Ingresses, Namespace).Lister;
        var watching = informers.RunAsync(ended.Token);
        await informers.WaitForSyncAsync(ended.Token);
        var cluster = new Cluster(hosts.Client, services, revisions, ingresses);
        await cluster.CreateAsync(timing.WarmUp);
        await cluster.DeleteAsync(timing.WarmUp);
        await Task.Delay(timing.Settling);
        var (idle, standbyIdle) = (hosts.Leader.ResidentMebibytes, hosts.Standby.ResidentMebibytes);
        var before = CpuOf(hosts);
        var began = DateTimeOffset.UtcNow;

        var (created, ready) = await cluster.CreateAsync(count);
        await Task.Delay(timing.Trailing);
        var used = CpuOf(hosts).Zip(before, (after, earlier) => Math.Round((after - earlier).TotalMilliseconds / count, 1)).ToList();
        var writes = WriteCounter.Count(hosts.AuditLog, began);
        await Task.Delay(timing.Settling);
        var (with, standbyWith) = (hosts.Leader.ResidentMebibytes, hosts.Standby.ResidentMebibytes);
        var deleted = await cluster.DeleteAsync(count);
        await Task.Delay(timing.Settling);
        var report = new ServicesReport
        {
            Services = count,
            SecondsUntilReady = Math.Round(ready.TotalSeconds, 1),
            SecondsUntilCreated = Math.Round(created.TotalSeconds, 1),
            LeaderMilliseconds = used[0],
            StandbyMilliseconds = used[1],
            ApiServerMilliseconds = used[2],
            NodeMilliseconds = used[3],
            Writes = Math.Round(writes.Values.Sum() / (double)count, 2),
            WritesByKind = writes,
            Leader = new MemorySamples(idle, with, hosts.Leader.ResidentMebibytes),
            Standby = new MemorySamples(standbyIdle, standbyWith, hosts.Standby.ResidentMebibytes),
            SecondsUntilDeleted = Math.Round(deleted.TotalSeconds, 1),
        };
        await ended.CancelAsync();
        await watching;
        return report;
    }

    private static TimeSpan[] CpuOf(LocalHosts hosts) => [hosts.Leader.Cpu, hosts.Standby.Cpu, hosts.ApiServer.Cpu, hosts.Node.Cpu];

    private static bool IsReady(Service service) =>
        service.Metadata.Generation == service.Status.ObservedGeneration && ConditionSet.IsTrue(service.Status.Conditions, "Ready");

    private static Service Make(string name) =>
        new()
        {
            Metadata = new ObjectMeta { Name = name, Namespace = Namespace },
            Spec = new ServiceSpec
            {
                Template = new RevisionTemplateSpec
                {
                    Metadata = new ObjectMeta
                    {
                        Annotations = new Dictionary<string, string> { ["autoscaling.knative.dev/initial-scale"] = "0" },
                    },
                    Spec = new RevisionSpec { Containers = [new Container { Image = "ghcr.io/serving-samples/helloworld" }] },
                },
            },
        };

    /// <summary>The cluster of one run and what it has.</summary>
    private sealed class Cluster(ClusterClient client, ILister<Service> services, ILister<Revision> revisions, ILister<Ingress> ingresses)
    {
        /// <summary>Creates Services; returns when all were created, and when all were Ready.</summary>
        public async Task<(TimeSpan Created, TimeSpan Ready)> CreateAsync(int count)
        {
            var watch = Stopwatch.StartNew();
            await EachAsync(count, name => client.CreateAsync(Resources.KnativeServices, Make(name), CancellationToken.None));
            var created = watch.Elapsed;
            await UntilAsync(() => services.List().Count(IsReady) == count, () => $"{services.List().Count(IsReady)} of {count} are Ready");
            return (created, watch.Elapsed);
        }

        /// <summary>Deletes the Services; returns when nothing is left.</summary>
        public async Task<TimeSpan> DeleteAsync(int count)
        {
            var watch = Stopwatch.StartNew();
            await EachAsync(count, name => client.DeleteAsync(Resources.KnativeServices, Namespace, name, CancellationToken.None));
            await UntilAsync(
                () => services.List().Count + revisions.List().Count + ingresses.List().Count == 0,
                () =>
                    $"{services.List().Count} Services, {revisions.List().Count} Revisions and {ingresses.List().Count} Ingresses are left"
            );
            return watch.Elapsed;
        }

        private static Task EachAsync(int count, Func<string, Task> work) =>
            Parallel.ForEachAsync(
                Enumerable.Range(0, count).Select(i => $"service-{i:0000}"),
                new ParallelOptions { MaxDegreeOfParallelism = Writers },
                async (name, _) => await work(name)
            );

        private static async Task UntilAsync(Func<bool> holds, Func<string> problem)
        {
            var watch = Stopwatch.StartNew();
            while (!holds())
            {
                if (watch.Elapsed > Limit)
                    throw new TimeoutException($"After {Limit}: {problem()}.");
                await Task.Delay(TimeSpan.FromMilliseconds(50));
            }
        }
    }
}
