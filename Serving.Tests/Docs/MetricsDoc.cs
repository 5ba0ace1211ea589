using System.Diagnostics.Metrics;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Activator.ColdStarts;
using Serving.Activator.Requests;
using Serving.Activator.Throttling;
using Serving.Api.Config;
using Serving.Autoscaler;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Ephemeral;
using Serving.Autoscaler.Reserve;
using Serving.Autoscaler.ScaleDown;
using Serving.Autoscaler.Statistics;
using Serving.Certificates;
using Serving.ConfigMaps;
using Serving.Controller.ImagePulls;
using Serving.Dataplane.Servers;
using Serving.Host.Telemetry;
using Serving.Instruments;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Leadership;
using Serving.Kubernetes.Queue;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Gateway;
using Serving.Networking.Gateway.Telemetry;
using Serving.Observability.Logging;
using Serving.Observability.Metrics;
using Serving.Observability.Requests;
using Serving.Observability.Telemetry;
using Serving.QueueProxy.Telemetry;
using Serving.Tests.Support;
using Serving.Webhook;

namespace Serving.Tests.Docs;

/// <summary>The tables of docs/metrics.md, made from the instruments themselves.</summary>
internal static partial class MetricsDoc
{
    /// <summary>Set to 1, the test writes the tables into the document instead of comparing them.</summary>
    public const string UpdateVariable = "SERVING_UPDATE_DOCS";

    private const string Begin = "<!-- tables -->";
    private const string End = "<!-- end of tables -->";

    /// <summary>The sections, with the meters of each, in order.</summary>
    private static readonly (string Title, string[] Meters)[] Sections =
    [
        ("Autoscaler", [AutoscalerMetrics.MeterName, ScrapeMetrics.MeterName]),
        ("Cold starts", [ColdStartRecorder.MeterName]),
        ("Gateway", [GatewayMetrics.MeterName]),
        ("Activator", [ActivatorMetrics.MeterName, StatConnectionMetrics.MeterName]),
        ("Servers of gateway, activator and sidecar", ["Serving.Dataplane"]),
        ("Sidecar", [RequestMetrics.MeterName]),
        ("Reconcilers and their queues", [ReconcileMetrics.MeterName, WorkQueueMetrics.MeterName]),
        ("Kubernetes API", [ClientMetrics.MeterName, InformerMetrics.MeterName, LeaseMetrics.MeterName]),
        ("Image pulls", [ImagePullMetrics.MeterName]),
        ("Admission", [WebhookMetrics.MeterName]),
        ("Configuration and certificates", [ConfigMetrics.MeterName, ServedCertificates.MeterName]),
        ("Logs, metrics and their exports", [DroppedLines.MeterName]),
        ("Process", [ModuleMetrics.MeterName, ProcessMetrics.MeterName]),
    ];

    private static readonly Type[] Static =
    [
        typeof(ScrapeMetrics),
        typeof(ImagePullMetrics),
        typeof(ReplacementMetrics),
        typeof(ResizeMetrics),
        typeof(ScaleDownMetrics),
        typeof(RefusedRequests),
        typeof(DroppedLines),
        typeof(DroppedLogLines),
        typeof(OverflowedSeries),
        typeof(ExportFailures),
        typeof(ReconcileMetrics),
        typeof(WorkQueueMetrics),
        typeof(ClientMetrics),
        typeof(InformerMetrics),
        typeof(LeaseMetrics),
        typeof(AdmissionGate),
        typeof(ServedCertificates),
        typeof(ModuleMetrics),
    ];

    /// <summary>The path of the document.</summary>
    public static string Path { get; } = Repository.PathOf("docs", "metrics.md");

    /// <summary>Every instrument of host and sidecar, once.</summary>
    public static IReadOnlyList<Instrument> Instruments { get; } = Collect();

    /// <summary>The document as it should be: the text that there is, with new tables.</summary>
    public static string Expected(string document)
    {
        var from = document.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        var to = document.IndexOf(End, StringComparison.Ordinal);
        return document[..from] + "\n" + Tables() + document[to..];
    }

    /// <summary>The labels that the document lists for a Prometheus name; null when it does not list the name.</summary>
    public static IReadOnlySet<string>? LabelsOf(string document, string metric)
    {
        var row = document.Split('\n').FirstOrDefault(line => line.Split('|') is { Length: > 5 } cells && cells[2].Trim() == $"`{metric}`");
        return row is null
            ? null
            : Code().Matches(row.Split('|')[5]).Select(static match => PrometheusNames.Label(match.Groups[1].Value)).ToHashSet();
    }

    /// <summary>The name in Prometheus.</summary>
    public static string PrometheusName(Instrument instrument)
    {
        var kind = KindOf(instrument);
        return PrometheusNames.Metric(instrument.Name, instrument.Unit, kind == "counter", kind == "gauge");
    }

    private static string Tables()
    {
        var text = new StringBuilder();
        foreach (var (title, meters) in Sections)
        {
            var found = Instruments
                .Where(one => meters.Contains(one.Meter.Name))
                .OrderBy(static one => one.Name, StringComparer.Ordinal)
                .ToList();
            text.Append("\n### ").Append(title).Append("\n\n");
            text.Append("| name | in Prometheus | kind | unit | attributes | meaning |\n|---|---|---|---|---|---|\n");
            foreach (var instrument in found)
            {
                var attributes = string.Join(", ", DeclaredAttributes.Of(instrument).Select(static one => $"`{one.Name}`"));
                text.Append(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"| `{instrument.Name}` | `{PrometheusName(instrument)}` | {KindOf(instrument)} | `{instrument.Unit}` | {attributes} | {instrument.Description!.TrimEnd('.')} |\n"
                );
            }

            text.Append('\n');
            foreach (var attribute in found.SelectMany(DeclaredAttributes.Of).Distinct())
            {
                text.Append("- `").Append(attribute.Name).Append("`: ").Append(attribute.Meaning).Append('\n');
            }
        }

        return text.Append('\n').ToString();
    }

    private static List<Instrument> Collect()
    {
        var found = new Dictionary<(string Meter, string Name), Instrument>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name.StartsWith("Serving", StringComparison.Ordinal) && !IsOfTest(instrument.Meter))
                {
                    lock (found)
                        found.TryAdd((instrument.Meter.Name, instrument.Name), instrument);
                }
            },
        };
        listener.Start();
        foreach (var type in Static)
            RuntimeHelpers.RunClassConstructor(type.TypeHandle);
        using var registry = new RevisionRegistry(
            new InMemoryCluster(),
            IPAddress.Loopback,
            queueDepth: 1,
            static () => NetworkConfig.Default,
            new PodProber(null, tlsPort: 8112, TimeProvider.System),
            NullLogger.Instance
        );
        IDisposable[] made =
        [
            new AutoscalerMetrics(static () => []),
            new StatConnectionMetrics(),
            new ActivatorMetrics(registry, TimeProvider.System),
            new GatewayMetrics(new GatewayStatistics(), static () => []),
            new ColdStartRecorder(static () => [], TimeProvider.System, NullLogger.Instance),
            new WebhookMetrics(),
            new ConfigMetrics(),
            new RequestMetrics(),
            new ProcessMetrics(TimeProvider.System),
        ];
        foreach (var one in made)
            one.Dispose();
        return [.. found.Values];
    }

    private static bool IsOfTest(Meter meter) => meter.Name.StartsWith("Serving.Test", StringComparison.Ordinal);

    private static string KindOf(Instrument instrument) =>
        instrument.GetType().Name.Split('`')[0] switch
        {
            "Counter" or "ObservableCounter" => "counter",
            "UpDownCounter" or "ObservableUpDownCounter" => "up-down counter",
            "Histogram" => "histogram",
            _ => "gauge",
        };

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();
}
