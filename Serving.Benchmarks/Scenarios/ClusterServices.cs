using System.Diagnostics;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Knative;
using Serving.Benchmarks.Processes;
using Serving.Kubernetes.Client;

namespace Serving.Benchmarks.Scenarios;

/// <summary>Services of the samples on a measured cluster.</summary>
internal static class ClusterServices
{
    /// <summary>The namespace of all of them.</summary>
    public const string Namespace = "default";

    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);

    /// <summary>The host of a Service.</summary>
    public static string HostOf(string name) => $"{name}.{Namespace}.localhost";

    /// <summary>The manifest of a Service.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="sample">The sample that it runs.</param>
    /// <param name="annotations">Annotations of its revision, without the prefix <c>autoscaling.knative.dev/</c>.</param>
    public static string Yaml(string name, string sample, params IReadOnlyList<(string Key, string Value)> annotations) =>
        $$"""
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata: {name: {{name}}, namespace: {{Namespace}}}
            spec:
              template:
                metadata:
                  annotations: { {{string.Join(
                ", ",
                annotations.Select(static one => $"autoscaling.knative.dev/{one.Key}: \"{one.Value}\"")
            )}} }
                spec:
                  containers: [{image: ghcr.io/serving-samples/{{sample}}}]
            ---

            """;

    /// <summary>Applies a Service that always has one pod, with or without the activator in its path, and waits until it is so.</summary>
    /// <param name="cluster">The cluster.</param>
    /// <param name="name">Its name.</param>
    /// <param name="sample">The sample that it runs.</param>
    /// <param name="proxied">Whether all requests pass the activator.</param>
    public static async Task ApplyOnePodAsync(this MeasuredHost cluster, string name, string sample, bool proxied)
    {
        await cluster.ApplyAsync(
            Yaml(name, sample, ("min-scale", "1"), ("max-scale", "1"), ("target-burst-capacity", proxied ? "-1" : "0"))
        );
        await cluster.ReadyAsync([name]);
        await cluster.RespondsAsync(HostOf(name));
        var mode = proxied ? "Proxy" : "Serve";
        await UntilAsync(
            async () =>
                (await cluster.Client.GetAsync(Resources.ServerlessServices, Namespace, name + "-00001", CancellationToken.None)).Spec.Mode
                == mode,
            $"{name} is not in mode {mode}"
        );
    }

    /// <summary>Waits until Services are Ready.</summary>
    public static Task ReadyAsync(this MeasuredHost cluster, IReadOnlyCollection<string> names) =>
        UntilAsync(
            async () =>
            {
                var services = await cluster.Client.ListAsync(Resources.KnativeServices, Namespace, null, CancellationToken.None);
                return services.Items.Count(service => names.Contains(service.Metadata.Name) && IsReady(service)) == names.Count;
            },
            $"{names.Count} Services from {names.FirstOrDefault()} on are not Ready"
        );

    /// <summary>The number of pods of a Service, or of those that are ready.</summary>
    public static async Task<int> PodsAsync(this MeasuredHost cluster, string? service = null, bool ready = false)
    {
        var pods = await cluster.Client.ListAsync(
            Resources.Pods,
            Namespace,
            service is null ? null : new ListOptions($"serving.knative.dev/service={service}"),
            CancellationToken.None
        );
        return ready
            ? pods.Items.Count(static pod => pod.Status?.Conditions.Any(static one => one is { Type: "Ready", Status: "True" }) == true)
            : pods.Items.Count;
    }

    /// <summary>Deletes Services, and waits until none of their pods is left.</summary>
    public static async Task DeleteAsync(this MeasuredHost cluster, params IReadOnlyCollection<string> names)
    {
        foreach (var name in names)
            await cluster.Client.DeleteAsync(Resources.KnativeServices, Namespace, name, CancellationToken.None);
        await UntilAsync(async () => await cluster.PodsAsync() == 0, "pods of deleted Services are left");
    }

    /// <summary>Polls until something holds.</summary>
    /// <exception cref="TimeoutException">It did not in time.</exception>
    public static async Task UntilAsync(Func<Task<bool>> holds, string problem)
    {
        var watch = Stopwatch.StartNew();
        while (!await holds())
        {
            if (watch.Elapsed > Limit)
                throw new TimeoutException($"After {Limit}: {problem}.");
            await Task.Delay(TimeSpan.FromMilliseconds(100));
        }
    }

    private static bool IsReady(Service service) =>
        service.Metadata.Generation == service.Status.ObservedGeneration && ConditionSet.IsTrue(service.Status.Conditions, "Ready");
}
