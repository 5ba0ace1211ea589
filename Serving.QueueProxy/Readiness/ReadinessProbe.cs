using System.Text.Json;

namespace Serving.QueueProxy.Readiness;

/// <summary>A readiness probe of a user container (Kubernetes' core/v1 Probe).</summary>
internal sealed record ReadinessProbe
{
    private const int DefaultFailureThreshold = 3;

    public required ProbeKind Kind { get; init; }

    public string Host { get; init; } = "127.0.0.1";

    public int Port { get; init; }

    /// <summary>The path to GET, or the service name for the gRPC health service.</summary>
    public string Path { get; init; } = "";

    public bool Tls { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The delay after the container's start before the first probe.</summary>
    public TimeSpan InitialDelay { get; init; }

    /// <summary>The time between two probes; zero if the user set none.</summary>
    public TimeSpan Period { get; init; }

    /// <summary>Consecutive successes after which the container is ready.</summary>
    public int SuccessThreshold { get; init; } = 1;

    /// <summary>Consecutive failures after which it is unready again; 1 without a period.</summary>
    public int FailureThreshold { get; init; } = 1;

    /// <summary>Whether to retry at once until it succeeds: the user set no period.</summary>
    public bool Aggressive => Period == TimeSpan.Zero;

    /// <summary>Parses one probe, or a list if there are several containers. Probes without an action are ignored.</summary>
    /// <exception cref="FormatException">The text is not valid JSON of a probe.</exception>
    public static IReadOnlyList<ReadinessProbe> Parse(string json)
    {
        if (string.IsNullOrWhiteSpace(json))
            return [];
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            return root.ValueKind switch
            {
                JsonValueKind.Array =>
                [
                    .. root.EnumerateArray()
                        .Where(static probe => probe.ValueKind == JsonValueKind.Object)
                        .Select(One)
                        .OfType<ReadinessProbe>(),
                ],
                JsonValueKind.Object => One(root) is { } one ? [one] : [],
                _ => [],
            };
        }
        catch (JsonException exception)
        {
            throw new FormatException(
                $"The environment variable SERVING_READINESS_PROBE is not valid JSON: {exception.Message}",
                exception
            );
        }
    }

    private static ReadinessProbe? One(JsonElement probe)
    {
        var action = Action(probe);
        if (action is null)
            return null;
        return action with
        {
            InitialDelay = TimeSpan.FromSeconds(Math.Max(Number(probe, "initialDelaySeconds"), 0)),
            Period = TimeSpan.FromSeconds(Math.Max(Number(probe, "periodSeconds"), 0)),
            Timeout = TimeSpan.FromSeconds(Math.Max(Number(probe, "timeoutSeconds"), 1)),
            SuccessThreshold = Math.Max(Number(probe, "successThreshold"), 1),
            FailureThreshold =
                Number(probe, "failureThreshold") is > 0 and var failures ? failures
                : Number(probe, "periodSeconds") > 0 ? DefaultFailureThreshold
                : 1,
        };
    }

    private static ReadinessProbe? Action(JsonElement probe)
    {
        if (Object(probe, "httpGet") is { } http)
        {
            return new ReadinessProbe
            {
                Kind = ProbeKind.Http,
                Host = Text(http, "host", "127.0.0.1"),
                Port = PortOf(http),
                Path = Text(http, "path", "/"),
                Tls = Text(http, "scheme", "HTTP").Equals("HTTPS", StringComparison.OrdinalIgnoreCase),
                Headers =
                    http.TryGetProperty("httpHeaders", out var headers) && headers.ValueKind == JsonValueKind.Array
                        ?
                        [
                            .. headers
                                .EnumerateArray()
                                .Select(static header => KeyValuePair.Create(Text(header, "name", ""), Text(header, "value", ""))),
                        ]
                        : [],
            };
        }

        if (Object(probe, "tcpSocket") is { } tcp)
            return new ReadinessProbe
            {
                Kind = ProbeKind.Tcp,
                Host = Text(tcp, "host", "127.0.0.1"),
                Port = PortOf(tcp),
            };
        if (Object(probe, "grpc") is { } grpc)
            return new ReadinessProbe
            {
                Kind = ProbeKind.Grpc,
                Port = PortOf(grpc),
                Path = Text(grpc, "service", ""),
            };
        return null;
    }

    private static JsonElement? Object(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? value : null;

    private static string Text(JsonElement element, string name, string absent) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
            ? text
            : absent;

    private static int Number(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetInt32() : 0;

    private static int PortOf(JsonElement action)
    {
        if (!action.TryGetProperty("port", out var port))
            return 0;
        if (port.ValueKind == JsonValueKind.Number)
            return port.GetInt32();
        return port.ValueKind == JsonValueKind.String && int.TryParse(port.GetString(), out var number)
            ? number
            : throw new FormatException($"The environment variable SERVING_READINESS_PROBE has the port {port}; it must be a number.");
    }
}
