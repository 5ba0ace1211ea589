using System.Globalization;
using Serving.Api.Config;

namespace Serving.Host.Cluster;

/// <summary>
/// The names of the reference implementation's Leases: one for each of its reconcilers and buckets. A module of ours that holds all Leases
/// of the reconcilers it replaces runs alone.
/// </summary>
internal static class ReferenceLeases
{
    private const string Reconcilers = "knative.dev.serving.pkg.reconciler";
    private const string AutoscalerBucket = "autoscaler-bucket";

    /// <summary>Component and queue of each reconciler, by the module that replaces it; spelled as in <c>map-lease-prefix</c>.</summary>
    private static readonly Dictionary<string, string[]> Prefixes = new(StringComparer.Ordinal)
    {
        ["controller"] =
        [
            $"controller.{Reconcilers}.certificate.Reconciler",
            $"controller.{Reconcilers}.configuration.Reconciler",
            $"controller.{Reconcilers}.domainmapping.Reconciler",
            $"controller.{Reconcilers}.gc.reconciler",
            $"controller.{Reconcilers}.labeler.Reconciler",
            $"controller.{Reconcilers}.nscert.reconciler",
            $"controller.{Reconcilers}.revision.Reconciler",
            $"controller.{Reconcilers}.route.Reconciler",
            $"controller.{Reconcilers}.serverlessservice.reconciler",
            $"controller.{Reconcilers}.service.Reconciler",
        ],
        ["autoscaler"] = [$"hpaautoscaler.{Reconcilers}.autoscaling.hpa.Reconciler"],
        ["webhook-registration"] =
        [
            "webhook.ConfigMapWebhook",
            "webhook.DefaultingWebhook",
            "webhook.ValidationWebhook",
            "webhook.WebhookCertificates",
        ],
    };

    /// <summary>The Leases of a module, in the order in which they are acquired; empty for a module that replaces nothing.</summary>
    /// <param name="module">The module's name.</param>
    /// <param name="config">The cluster's leader election: the number of buckets, and mapped prefixes.</param>
    public static IReadOnlyList<string> Of(string module, LeaderElectionConfig config)
    {
        var names = new List<string>();
        if (module == "autoscaler")
        {
            // Activators send their stats to the address in the holder identity of these Leases, so they come first.
            names.AddRange(Parts(config.Buckets).Select(part => $"{AutoscalerBucket}-{part}"));
        }

        foreach (var prefix in Prefixes.GetValueOrDefault(module, []))
        {
            var mapped = config.MapLeasePrefix.TryGetValue(prefix, out var other) && other.Length > 0 ? other : prefix;
            names.AddRange(Parts(config.Buckets).Select(part => $"{mapped}.{part}".ToLowerInvariant()));
        }

        return names;
    }

    private static IEnumerable<string> Parts(int buckets) =>
        Enumerable.Range(0, buckets).Select(i => string.Create(CultureInfo.InvariantCulture, $"{i:00}-of-{buckets:00}"));
}
