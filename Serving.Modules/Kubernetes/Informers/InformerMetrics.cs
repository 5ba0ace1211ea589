using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.Kubernetes.Informers;

/// <summary>The caches of the running informers. Everything is read when metrics are collected, so informers pay nothing.</summary>
internal static class InformerMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Kubernetes.Informers";

    private static readonly MetricAttribute Resource = new("resource", "the kind with its group, such as `revisions.serving.knative.dev`");
    private static readonly MetricAttribute Namespace = new("k8s.namespace.name", "the namespace that is watched; empty for all");
    private static readonly MetricAttribute Selector = new("selector", "the selector of the watch; empty for all objects");
    private static readonly MetricAttribute[] Attributes = [Resource, Namespace, Selector];

    private static readonly Meter Meter = new(MeterName);
    private static readonly ConcurrentDictionary<SharedInformers, byte> Running = new();

    static InformerMetrics()
    {
        Meter
            .CreateObservableGauge("serving.informer.objects", () => Observe(state => state.Objects), "{object}", "Cached objects")
            .With(Attributes);
        Meter
            .CreateObservableGauge(
                "serving.informer.synced",
                () => Observe(state => state.HasSynced ? 1 : 0),
                "{cache}",
                "1 when the collection has been read, 0 before"
            )
            .With(Attributes);
        Meter
            .CreateObservableGauge(
                "serving.informer.lag",
                () => Observe(state => state.Lag?.TotalSeconds),
                "s",
                "Since when the API server has not confirmed that the cache is current, by an event, a bookmark or a list; "
                    + "about a minute at most while a watch works"
            )
            .With(Attributes);
        Meter
            .CreateObservableCounter(
                "serving.informer.relists",
                () => Observe(state => Math.Max(0, state.Lists - 1)),
                "{list}",
                "Lists after the first one, because the watch could not be resumed"
            )
            .With(Attributes);
        Meter
            .CreateObservableCounter(
                "serving.informer.watch.failures",
                () => Observe(state => state.Failures),
                "{failure}",
                "Lists and watches that failed"
            )
            .With(Attributes);
    }

    public static void Open(SharedInformers informers) => Running.TryAdd(informers, 0);

    public static void Close(SharedInformers informers) => Running.TryRemove(informers, out _);

    private static IEnumerable<Measurement<double>> Observe(Func<InformerState, double?> value) =>
        from informers in Running.Keys
        from state in informers.States
        let measured = value(state)
        where measured is not null
        select new Measurement<double>(
            measured.Value,
            Resource.Of(state.Resource),
            Namespace.Of(state.Namespace),
            Selector.Of(state.Selector)
        );
}
