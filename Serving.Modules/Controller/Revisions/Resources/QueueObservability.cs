using System.Text;
using System.Text.Json;
using Serving.Api.Config;
using Serving.Controller.Common;

namespace Serving.Controller.Revisions.Resources;

/// <summary>Writes <c>OBSERVABILITY_CONFIG</c> in the format that queue-proxies read. Durations are nanoseconds.</summary>
internal static class QueueObservability
{
    public static string Encode(ObservabilityConfig config)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, GoJsonText.WriterOptions))
        {
            json.WriteStartObject();
            json.WriteStartObject("tracing");
            Text(json, "protocol", config.TracingProtocol);
            Text(json, "endpoint", config.TracingEndpoint);
            if (config.TracingSamplingRate != 0)
            {
                json.WriteNumber("samplingRate", config.TracingSamplingRate);
            }

            json.WriteEndObject();
            Metrics(json, "metrics", config.MetricsProtocol, config.MetricsEndpoint, config.MetricsExportInterval);
            json.WriteStartObject("runtime");
            json.WriteString("profiling", config.RuntimeProfiling ? "enabled" : "disabled");
            Duration(json, config.RuntimeExportInterval);
            json.WriteEndObject();
            Metrics(
                json,
                "requestMetrics",
                config.RequestMetricsProtocol,
                config.RequestMetricsEndpoint,
                config.RequestMetricsExportInterval
            );
            if (config.LoggingProtocol != "none")
            {
                // Ours; other queue-proxies ignore it.
                json.WriteStartObject("logging");
                Text(json, "protocol", config.LoggingProtocol);
                Text(json, "endpoint", config.LoggingEndpoint);
                json.WriteEndObject();
            }

            Flag(json, "EnableVarLogCollection", config.LoggingEnableVarLogCollection);
            Text(json, "LoggingURLTemplate", config.LoggingRevisionUrlTemplate);
            Flag(json, "enableRequestLog", config.LoggingEnableRequestLog);
            Text(json, "requestLogTemplate", config.LoggingRequestLogTemplate);
            Flag(json, "enableProbeRequestLog", config.LoggingEnableProbeRequestLog);
            json.WriteEndObject();
        }

        return GoJsonText.Finish(Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length));
    }

    private static void Metrics(Utf8JsonWriter json, string name, string protocol, string endpoint, TimeSpan interval)
    {
        json.WriteStartObject(name);
        Text(json, "protocol", protocol);
        Text(json, "endpoint", endpoint);
        Duration(json, interval);
        json.WriteEndObject();
    }

    private static void Duration(Utf8JsonWriter json, TimeSpan interval)
    {
        if (interval != TimeSpan.Zero)
        {
            json.WriteNumber("exportInterval", interval.Ticks * TimeSpan.NanosecondsPerTick);
        }
    }

    private static void Text(Utf8JsonWriter json, string name, string value)
    {
        if (value.Length > 0)
        {
            json.WriteString(name, value);
        }
    }

    private static void Flag(Utf8JsonWriter json, string name, bool value)
    {
        if (value)
        {
            json.WriteBoolean(name, value);
        }
    }
}
