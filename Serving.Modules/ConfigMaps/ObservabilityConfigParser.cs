using System.Globalization;
using Serving.Api.Config;
using Serving.Templates;
using static System.FormattableString;

namespace Serving.ConfigMaps;

/// <summary>Parses config-observability.</summary>
public static class ObservabilityConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-observability";

    private static readonly string[] SidecarPorts = ["8008", "8012", "8013", "8022", "8112", "9090"];

    /// <summary>Parses and validates the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static ObservabilityConfig Parse(IReadOnlyDictionary<string, string> data)
    {
        var from = new ConfigData(Name, data);
        var d = ObservabilityConfig.Default;
        var config = new ObservabilityConfig
        {
            TracingProtocol = from.String("tracing-protocol", d.TracingProtocol),
            TracingEndpoint = from.String("tracing-endpoint", d.TracingEndpoint),
            TracingSamplingRate = from.Float("tracing-sampling-rate", d.TracingSamplingRate),
            MetricsProtocol = from.String("metrics-protocol", d.MetricsProtocol),
            MetricsEndpoint = from.String("metrics-endpoint", d.MetricsEndpoint),
            MetricsExportInterval = from.Duration("metrics-export-interval", d.MetricsExportInterval),
            RequestMetricsProtocol = from.String("request-metrics-protocol", d.RequestMetricsProtocol),
            RequestMetricsEndpoint = from.String("request-metrics-endpoint", d.RequestMetricsEndpoint),
            RequestMetricsExportInterval = from.Duration("request-metrics-export-interval", d.RequestMetricsExportInterval),
            RuntimeProfiling = Profiling(from),
            RuntimeExportInterval = from.Duration("runtime-export-interval", d.RuntimeExportInterval),
            LoggingEnableVarLogCollection = from.Bool("logging.enable-var-log-collection", d.LoggingEnableVarLogCollection),
            LoggingRevisionUrlTemplate = from.String("logging.revision-url-template", d.LoggingRevisionUrlTemplate),
            LoggingRequestLogTemplate = from.String("logging.request-log-template", d.LoggingRequestLogTemplate),
            LoggingEnableRequestLog = from.Bool("logging.enable-request-log", d.LoggingEnableRequestLog),
            LoggingEnableProbeRequestLog = from.Bool("logging.enable-probe-request-log", d.LoggingEnableProbeRequestLog),
            LoggingGatewayAccessLogTemplate = from.String("logging.gateway-access-log-template", d.LoggingGatewayAccessLogTemplate),
            LoggingProtocol = from.String("logging-protocol", d.LoggingProtocol),
            LoggingEndpoint = from.String("logging-endpoint", d.LoggingEndpoint),
        };
        CheckTracing(from, config);
        CheckLogging(from, config);
        CheckMetrics(from, "", config.MetricsProtocol, config.MetricsEndpoint, config.MetricsExportInterval);
        CheckMetrics(from, "request-", config.RequestMetricsProtocol, config.RequestMetricsEndpoint, config.RequestMetricsExportInterval);
        from.Require(
            config.RuntimeExportInterval >= TimeSpan.Zero,
            "runtime-export-interval",
            $"export interval \"{GoValues.Format(config.RuntimeExportInterval)}\" should be greater than zero"
        );
        CheckSidecarPort(from, config);
        CheckRequestLog(from, config);
        CheckTemplate(
            from,
            "logging.gateway-access-log-template",
            config.LoggingGatewayAccessLogTemplate,
            TemplateData.SampleGatewayRequest
        );
        return config;
    }

    /// <summary>The keys that have no effect, in valid data.</summary>
    internal static IEnumerable<string> Unused(IReadOnlyDictionary<string, string> data)
    {
        var read = new ConfigReadings(data);
        Parse(read);
        return read.Unread();
    }

    /// <summary>The sidecar serves its metrics on a port of the pod, which must not be one of its other ports.</summary>
    private static void CheckSidecarPort(ConfigData from, ObservabilityConfig c)
    {
        const string key = "request-metrics-endpoint";
        var colon = c.RequestMetricsEndpoint.LastIndexOf(':');
        from.Require(
            c.RequestMetricsProtocol != "prometheus" || colon < 0 || !SidecarPorts.Contains(c.RequestMetricsEndpoint[(colon + 1)..]),
            key,
            $"{key} {GoValues.Quote(c.RequestMetricsEndpoint)} has a port that the queue-proxy uses for something else ({string.Join(", ", SidecarPorts)}): choose another one"
        );
    }

    private static bool Profiling(ConfigData from) =>
        from.String("runtime-profiling", "disabled") switch
        {
            "enabled" => true,
            "disabled" => false,
            var other => throw from.Refuse("runtime-profiling", $"unsupported profile setting {GoValues.Quote(other)}"),
        };

    private static void CheckTracing(ConfigData from, ObservabilityConfig c)
    {
        switch (c.TracingProtocol)
        {
            case "grpc" or "http/protobuf":
                from.Require(
                    c.TracingEndpoint.Length > 0,
                    "tracing-endpoint",
                    $"endpoint should be set for protocol \"{c.TracingProtocol}\""
                );
                RequireUri(from, "tracing-endpoint", c.TracingEndpoint);
                break;
            case "none" or "stdout":
                from.Require(c.TracingEndpoint.Length == 0, "tracing-endpoint", "endpoint should not be set when protocol is 'none'");
                break;
            default:
                throw from.Refuse("tracing-protocol", $"unsupported protocol {GoValues.Quote(c.TracingProtocol)}");
        }

        from.Require(
            c.TracingSamplingRate >= 0,
            "tracing-sampling-rate",
            Invariant($"sampling rate {c.TracingSamplingRate:F6} should be greater or equal to zero")
        );
        from.Require(
            c.TracingSamplingRate <= 1,
            "tracing-sampling-rate",
            Invariant($"sampling rate {c.TracingSamplingRate:F6} should be less than or equal to one")
        );
    }

    private static void CheckLogging(ConfigData from, ObservabilityConfig c)
    {
        const string key = "logging-endpoint";
        var endpoint = c.LoggingEndpoint;
        switch (c.LoggingProtocol)
        {
            case "grpc" or "http/protobuf":
                from.Require(endpoint.Length > 0, key, $"{key} should be set when logging-protocol is \"{c.LoggingProtocol}\"");
                RequireUri(from, key, endpoint);
                break;
            case "none":
                from.Require(endpoint.Length == 0, key, $"{key} should not be set when logging-protocol is \"none\"");
                break;
            default:
                throw from.Refuse("logging-protocol", $"unsupported protocol {GoValues.Quote(c.LoggingProtocol)}");
        }
    }

    private static void CheckMetrics(ConfigData from, string prefix, string protocol, string endpoint, TimeSpan interval)
    {
        switch (protocol)
        {
            case "grpc" or "http/protobuf":
                from.Require(endpoint.Length > 0, prefix + "metrics-endpoint", $"endpoint should be set when protocol is \"{protocol}\"");
                RequireUri(from, prefix + "metrics-endpoint", endpoint);
                break;
            case "none":
                from.Require(
                    endpoint.Length == 0,
                    prefix + "metrics-endpoint",
                    $"endpoint should not be set when protocol is \"{protocol}\""
                );
                break;
            case "prometheus":
                from.Require(
                    endpoint.Length == 0 || IsHostAndPort(endpoint),
                    prefix + "metrics-endpoint",
                    $"{prefix}metrics-endpoint {GoValues.Quote(endpoint)} for prometheus exporter should be \"host:port\", \"host%zone:port\", \"[host]:port\" or \"[host%zone]:port\""
                );
                break;
            default:
                throw from.Refuse(prefix + "metrics-protocol", $"unsupported protocol {GoValues.Quote(protocol)}");
        }

        from.Require(
            interval >= TimeSpan.Zero,
            prefix + "metrics-export-interval",
            $"export interval \"{GoValues.Format(interval)}\" should be greater than zero"
        );
    }

    /// <summary>A collector endpoint is a URI; without a scheme, <c>https://</c> is assumed.</summary>
    private static void RequireUri(ConfigData from, string key, string endpoint) =>
        from.Require(
            Uri.TryCreate(
                endpoint.Contains("://", StringComparison.Ordinal) ? endpoint : "https://" + endpoint,
                UriKind.Absolute,
                out var uri
            )
                && uri.Scheme is "http" or "https"
                && uri.Host.Length > 0
                && !endpoint.Any(char.IsWhiteSpace),
            key,
            $"{key} {GoValues.Quote(endpoint)} is not a URL of http or https"
        );

    private static bool IsHostAndPort(string text)
    {
        var colon = text.LastIndexOf(':');
        return colon >= 0
            && ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port > 0
            && !text.Any(char.IsWhiteSpace)
            && (!text[..colon].Contains(':', StringComparison.Ordinal) || (text.StartsWith('[') && text[colon - 1] == ']'));
    }

    private static void CheckRequestLog(ConfigData from, ObservabilityConfig c)
    {
        const string key = "logging.request-log-template";
        from.Require(
            c.LoggingRequestLogTemplate.Length > 0 || !c.LoggingEnableRequestLog,
            key,
            $"\"logging.enable-request-log\" was set to true, but no \"{key}\" was specified"
        );
        CheckTemplate(from, key, c.LoggingRequestLogTemplate, TemplateData.SampleRequest);
    }

    private static void CheckTemplate(ConfigData from, string key, string template, TemplateRecord sample)
    {
        try
        {
            Template.Parse("requestLog", template).Execute(sample);
        }
        catch (TemplateException wrong)
        {
            throw from.Refuse(key, wrong.Message, wrong);
        }
    }
}
