using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>Makes the children of a PodAutoscaler. Pure.</summary>
internal static class ChildMaker
{
    /// <summary>The ServerlessService; it has the PodAutoscaler's name.</summary>
    public static ServerlessService ServerlessService(PodAutoscaler owner, string mode, int activators) =>
        new()
        {
            ApiVersion = Resources.ServerlessServices.ApiVersion,
            Kind = Resources.ServerlessServices.Kind,
            Metadata = MetadataOf(owner) with
            {
                Annotations = owner.Metadata.Annotations.Where(a => a.Key != AutoscalingKeys.Metric.Key).ToDictionary(),
            },
            Spec = new ServerlessServiceSpec
            {
                Mode = mode,
                ObjectRef = owner.Spec.ScaleTargetRef,
                ProtocolType = owner.Spec.ProtocolType,
                NumActivators = activators,
            },
        };

    /// <summary>The Metric; it has the PodAutoscaler's name.</summary>
    public static Metric Metric(PodAutoscaler owner, AutoscalerSettings settings, string scrapeTarget) =>
        new()
        {
            ApiVersion = Resources.Metrics.ApiVersion,
            Kind = Resources.Metrics.Kind,
            Metadata = MetadataOf(owner),
            Spec = new MetricSpec
            {
                StableWindow = settings.StableWindow.Ticks * TimeSpan.NanosecondsPerTick,
                PanicWindow = settings.PanicWindow.Ticks * TimeSpan.NanosecondsPerTick,
                ScrapeTarget = scrapeTarget,
            },
        };

    /// <summary>The HorizontalPodAutoscaler; it has the PodAutoscaler's name.</summary>
    public static HorizontalPodAutoscaler HorizontalPodAutoscaler(PodAutoscaler owner, AutoscalerSettings settings) =>
        new()
        {
            ApiVersion = Resources.HorizontalPodAutoscalers.ApiVersion,
            Kind = Resources.HorizontalPodAutoscalers.Kind,
            Metadata = MetadataOf(owner),
            Spec = new HorizontalPodAutoscalerSpec
            {
                ScaleTargetRef = new ObjectReference
                {
                    ApiVersion = owner.Spec.ScaleTargetRef.ApiVersion,
                    Kind = owner.Spec.ScaleTargetRef.Kind,
                    Name = owner.Spec.ScaleTargetRef.Name,
                },
                MinReplicas = settings.MinScale > 0 ? settings.MinScale : null,
                // Kubernetes rejects a maximum below the minimum; the minimum takes precedence, as in the other class.
                MaxReplicas = settings.MaxScale > 0 ? Math.Max(settings.MaxScale, settings.MinScale) : int.MaxValue,
                Metrics = settings.OwnTarget is { } target ? [HpaMetric(settings.Metric, target)] : [],
                Behavior = settings.OwnWindow is { } window ? HpaBehavior((int)window.TotalSeconds) : null,
            },
        };

    private static JsonElement HpaMetric(string metric, double target) =>
        Json(
            metric switch
            {
                AutoscalingKeys.CpuMetric => new JsonObject
                {
                    ["type"] = "Resource",
                    ["resource"] = new JsonObject
                    {
                        ["name"] = "cpu",
                        ["target"] = new JsonObject { ["type"] = "Utilization", ["averageUtilization"] = (int)Math.Ceiling(target) },
                    },
                },
                AutoscalingKeys.MemoryMetric => new JsonObject
                {
                    ["type"] = "Resource",
                    ["resource"] = new JsonObject
                    {
                        ["name"] = "memory",
                        ["target"] = AverageValue(Canonical(AtLeastOne(target), 1024, ["Mi", "Gi", "Ti", "Pi"])),
                    },
                },
                _ => new JsonObject
                {
                    ["type"] = "Pods",
                    ["pods"] = new JsonObject
                    {
                        ["metric"] = new JsonObject { ["name"] = metric },
                        ["target"] = AverageValue(Canonical(AtLeastOne(target), 1000, ["", "k", "M", "G"])),
                    },
                },
            }
        );

    /// <summary>The canonical form in Kubernetes, with the largest suffix that leaves an integer.</summary>
    private static string Canonical(long value, int step, string[] suffixes)
    {
        var power = 0;
        for (; value != 0 && value % step == 0 && power < suffixes.Length - 1; power++)
            value /= step;
        return string.Create(CultureInfo.InvariantCulture, $"{value}{(value == 0 ? "" : suffixes[power])}");
    }

    /// <summary>Kubernetes rejects a target of 0, to which a fraction would be truncated.</summary>
    private static long AtLeastOne(double target) => Math.Max(1, (long)target);

    private static JsonObject AverageValue(string value) => new() { ["type"] = "AverageValue", ["averageValue"] = value };

    private static JsonElement HpaBehavior(int seconds) =>
        Json(
            new JsonObject
            {
                ["scaleUp"] = new JsonObject { ["stabilizationWindowSeconds"] = seconds },
                ["scaleDown"] = new JsonObject { ["stabilizationWindowSeconds"] = seconds },
            }
        );

    private static JsonElement Json(JsonObject value)
    {
        using var document = JsonDocument.Parse(value.ToJsonString());
        return document.RootElement.Clone();
    }

    private static ObjectMeta MetadataOf(PodAutoscaler owner) =>
        new()
        {
            Name = owner.Metadata.Name,
            Namespace = owner.Metadata.Namespace,
            Labels = owner.Metadata.Labels,
            Annotations = owner.Metadata.Annotations,
            OwnerReferences = [Ownership.ControllerReference(Resources.PodAutoscalers, owner)],
        };
}
