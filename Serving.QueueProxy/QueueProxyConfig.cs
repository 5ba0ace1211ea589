using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Serving.QueueProxy;

/// <summary>The configuration of the sidecar, read from the environment of the pod.</summary>
internal sealed record QueueProxyConfig
{
    /// <summary>The directory that contains <c>tls.crt</c> and <c>tls.key</c> of the TLS port.</summary>
    public const string DefaultCertificateDirectory = "/var/lib/knative/certs";

    private const int MostSeconds = 24 * 24 * 3600;

    private static readonly TimeSpan PropagationDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LoopbackPropagationDelay = TimeSpan.FromMilliseconds(500);

    public required string Namespace { get; init; }

    public required string Configuration { get; init; }

    public required string Revision { get; init; }

    public required string Pod { get; init; }

    /// <summary>The listen address: the pod's address if it is a loopback address, where several pods share the machine; otherwise any
    /// address.</summary>
    public required IPAddress ListenAddress { get; init; }

    public string PodIP { get; init; } = "";

    public string Service { get; init; } = "";

    public required int ServingPort { get; init; }

    public required int TlsPort { get; init; }

    public required int UserPort { get; init; }

    /// <summary>Maximum number of requests in the user container; 0 for no limit.</summary>
    public required int ContainerConcurrency { get; init; }

    /// <summary>The number of requests that this pod serves; 0 for no limit.</summary>
    public int MaxRequests { get; init; }

    public required TimeSpan Timeout { get; init; }

    public TimeSpan ResponseStartTimeout { get; init; }

    public TimeSpan IdleTimeout { get; init; }

    /// <summary>The readiness probe, or probes, of the user containers as JSON; empty for none.</summary>
    public string ReadinessProbe { get; init; } = "";

    public bool DetectHttp2 { get; init; }

    public bool MultiContainerProbes { get; init; }

    public ObservabilityConfig Observability { get; init; } = new();

    /// <summary>The quiet period: after SIGTERM the sidecar stops listening once no request has arrived for this long.</summary>
    public TimeSpan QuietPeriod { get; init; } = PropagationDelay;

    public string CertificateDirectory { get; init; } = DefaultCertificateDirectory;

    public int AdminPort { get; init; } = 8022;

    public int StatsPort { get; init; } = 9090;

    public int UserMetricsPort { get; init; } = 9091;

    /// <summary>The service name in this pod's telemetry.</summary>
    public string TelemetryName { get; init; } = "";

    /// <summary>Reads the configuration from the environment.</summary>
    /// <remarks>A number out of range is clamped rather than rejected: a pod that does not start serves no requests.</remarks>
    /// <exception cref="FormatException">A variable is missing or invalid; the message names it.</exception>
    public static QueueProxyConfig Read(Func<string, string?> variable)
    {
        var podIP = variable("SERVING_POD_IP") ?? "";
        var onLoopback = IPAddress.TryParse(podIP, out var address) && IPAddress.IsLoopback(address);
        return new QueueProxyConfig
        {
            Namespace = Required("SERVING_NAMESPACE"),
            Service = variable("SERVING_SERVICE") ?? "",
            Configuration = variable("SERVING_CONFIGURATION") ?? "",
            Revision = Required("SERVING_REVISION"),
            Pod = Required("SERVING_POD"),
            TelemetryName = First("OTEL_SERVICE_NAME", "SERVING_SERVICE", "SERVING_CONFIGURATION", "SERVING_REVISION"),
            PodIP = podIP,
            ListenAddress =
                onLoopback ? address!
                : Socket.OSSupportsIPv6 ? IPAddress.IPv6Any
                : IPAddress.Any,
            ServingPort = Number("QUEUE_SERVING_PORT", required: true),
            TlsPort = Number("QUEUE_SERVING_TLS_PORT", 8112),
            UserPort = Number("USER_PORT", required: true),
            ContainerConcurrency = Number("CONTAINER_CONCURRENCY", required: true),
            MaxRequests = Number("QUEUE_MAX_REQUESTS"),
            Timeout = Seconds("REVISION_TIMEOUT_SECONDS"),
            ResponseStartTimeout = Seconds("REVISION_RESPONSE_START_TIMEOUT_SECONDS"),
            IdleTimeout = Seconds("REVISION_IDLE_TIMEOUT_SECONDS"),
            ReadinessProbe = variable("SERVING_READINESS_PROBE") ?? "",
            DetectHttp2 = Flag("ENABLE_HTTP2_AUTO_DETECTION"),
            MultiContainerProbes = Flag("ENABLE_MULTI_CONTAINER_PROBES"),
            Observability = ObservabilityConfig.Parse(variable("OBSERVABILITY_CONFIG") ?? ""),
            QuietPeriod =
                variable("DRAIN_QUIET_SECONDS") is { Length: > 0 } ? Seconds("DRAIN_QUIET_SECONDS")
                : onLoopback ? LoopbackPropagationDelay
                : PropagationDelay,
            CertificateDirectory = variable("CERTIFICATE_DIRECTORY") is { Length: > 0 } directory ? directory : DefaultCertificateDirectory,
            AdminPort = Number("QUEUE_ADMIN_PORT", 8022),
            StatsPort = Number("QUEUE_METRICS_PORT", 9090),
            UserMetricsPort = Number("QUEUE_USER_METRICS_PORT", 9091),
        };

        string First(params ReadOnlySpan<string> names)
        {
            foreach (var name in names)
            {
                if (variable(name) is { Length: > 0 } value)
                    return value;
            }

            return "";
        }

        string Required(string name) =>
            variable(name) is { Length: > 0 } value ? value : throw new FormatException($"The environment variable {name} is missing.");

        int Number(string name, int absent = 0, bool required = false)
        {
            var text = variable(name) ?? "";
            if (text.Length == 0 && !required)
                return absent;
            return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
                ? (int)Math.Clamp(number, 0, int.MaxValue)
                : throw new FormatException($"The environment variable {name} is \"{text}\"; it must be a number.");
        }

        // The maximum of a timer, and longer than anything waits for a response.
        TimeSpan Seconds(string name) => TimeSpan.FromSeconds(Math.Min(Number(name), MostSeconds));

        bool Flag(string name) =>
            (variable(name) ?? "") is { Length: > 0 } text && (bool.TryParse(text, out var flag) ? flag : text is "1" or "t" or "T");
    }
}
