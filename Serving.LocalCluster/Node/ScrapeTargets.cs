using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Informers;

namespace Serving.LocalCluster.Node;

/// <summary>
/// Tells a Prometheus on this machine which pods there are: keeps a file of targets (file_sd_configs) with the ports of all pods and the
/// labels
/// that Prometheus' own discovery in Kubernetes would give them, so that the same relabelling selects them. Invariant: the file is
/// replaced as a
/// whole, only when it changes, and is empty when the node stops.
/// </summary>
public sealed class ScrapeTargets
{
    /// <summary>The name of the file in the data directory.</summary>
    public const string FileName = "prometheus-targets.json";

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly IInformer<Pod> _pods;
    private readonly string _path;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;

    /// <param name="informers">The informers of the process.</param>
    /// <param name="directory">The data directory of the cluster.</param>
    /// <param name="loggers">Creates the logger of failed writes.</param>
    /// <param name="time">The clock.</param>
    public ScrapeTargets(IInformers informers, string directory, ILoggerFactory loggers, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(informers);
        ArgumentException.ThrowIfNullOrEmpty(directory);
        ArgumentNullException.ThrowIfNull(loggers);
        ArgumentNullException.ThrowIfNull(time);
        _pods = informers.For(Resources.Pods);
        _path = Path.Combine(directory, FileName);
        _logger = loggers.CreateLogger<ScrapeTargets>();
        _time = time;
    }

    /// <summary>Follows the pods until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        var written = "";
        using var timer = new PeriodicTimer(Interval, _time);
        try
        {
            do
            {
                written = Write(Of(_pods.Lister.List()), written);
            } while (await timer.WaitForNextTickAsync(cancellation));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The pods end with the node.
        }

        Write(Of([]), written);
    }

    /// <summary>The document for pods. Pods without an address, and those that have ended, are no targets.</summary>
    public static string Of(IEnumerable<Pod> pods) =>
        new JsonArray([
            .. pods.Where(static pod => pod.Status is { PodIP.Length: > 0, Phase: not ("Succeeded" or "Failed") })
                .OrderBy(static pod => (pod.Metadata.Namespace, pod.Metadata.Name))
                .SelectMany(static pod =>
                    (pod.Spec?.Containers ?? []).SelectMany(container => container.Ports.Select(port => Target(pod, container, port)))
                ),
        ]).ToJsonString();

    private static JsonObject Target(Pod pod, Container container, ContainerPort port)
    {
        const string Prefix = "__meta_kubernetes_";
        var labels = new JsonObject
        {
            [Prefix + "namespace"] = pod.Metadata.Namespace,
            [Prefix + "pod_name"] = pod.Metadata.Name,
            [Prefix + "pod_ip"] = pod.Status!.PodIP,
            [Prefix + "pod_phase"] = pod.Status.Phase,
            [Prefix + "pod_container_name"] = container.Name,
            [Prefix + "pod_container_port_name"] = port.Name,
        };
        foreach (var (name, value) in pod.Metadata.Labels)
        {
            labels[Prefix + "pod_label_" + LabelName(name)] = value;
        }

        return new JsonObject
        {
            ["targets"] = new JsonArray(string.Create(CultureInfo.InvariantCulture, $"{pod.Status.PodIP}:{port.Number}")),
            ["labels"] = labels,
        };
    }

    private static string LabelName(string name) =>
        string.Concat(name.Select(static letter => char.IsAsciiLetterOrDigit(letter) ? letter : '_'));

    /// <summary>Writes a document that differs from the one that is there; returns the one that is there then.</summary>
    private string Write(string targets, string written)
    {
        if (targets == written)
        {
            return written;
        }

        try
        {
            PrivateFile.Replace(_path, targets);
            return targets;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            _logger.LogWarning("The targets for Prometheus cannot be written to {Path}: {Reason}", _path, failure.Message);
            return written;
        }
    }
}
