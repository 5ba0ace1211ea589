using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using OpenTelemetry;
using OpenTelemetry.Resources;

namespace Serving.Observability.Telemetry;

/// <summary>
/// Writes each span as one line of JSON, with the fields of the exporter that the OpenTelemetry of Go has for standard output
/// (<c>stdouttrace</c>), which is what <c>tracing-protocol: stdout</c> means to Knative's components.
/// </summary>
/// <param name="output">Where the lines go; it is not closed.</param>
public sealed class SpanLines(Stream output) : BaseExporter<Activity>
{
    private static readonly byte[] LineEnd = "\n"u8.ToArray();

    /// <inheritdoc/>
    public override ExportResult Export(in Batch<Activity> batch)
    {
        var resource = ParentProvider.GetResource();
        using var lines = new MemoryStream();
        foreach (var span in batch)
        {
            using (var json = new Utf8JsonWriter(lines))
                Write(json, span, resource);
            lines.Write(LineEnd);
        }

        try
        {
            output.Write(lines.GetBuffer(), 0, (int)lines.Length);
            output.Flush();
            return ExportResult.Success;
        }
        catch (IOException)
        {
            // Nobody reads standard output any more; OpenTelemetry counts the batch as lost.
            return ExportResult.Failure;
        }
    }

    private static void Write(Utf8JsonWriter json, Activity span, Resource resource)
    {
        json.WriteStartObject();
        json.WriteString("Name", span.DisplayName);
        Context(json, "SpanContext", span.Context);
        Context(
            json,
            "Parent",
            new ActivityContext(
                span.ParentSpanId == default ? default : span.TraceId,
                span.ParentSpanId,
                Flags(span),
                null,
                span.HasRemoteParent
            )
        );

        // Go numbers the kinds from 1, which is the internal one.
        json.WriteNumber("SpanKind", (int)span.Kind + 1);
        json.WriteString("StartTime", span.StartTimeUtc);
        json.WriteString("EndTime", span.StartTimeUtc + span.Duration);
        Attributes(json, "Attributes", span.TagObjects);
        Events(json, span);
        Links(json, span);
        json.WriteStartObject("Status");
        json.WriteString("Code", span.Status.ToString());
        json.WriteString("Description", span.StatusDescription ?? "");
        json.WriteEndObject();
        Attributes(json, "Resource", resource.Attributes.Select(static one => new KeyValuePair<string, object?>(one.Key, one.Value)));
        json.WriteStartObject("InstrumentationScope");
        json.WriteString("Name", span.Source.Name);
        json.WriteString("Version", span.Source.Version ?? "");
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static ActivityTraceFlags Flags(Activity span) => span.ParentSpanId == default ? default : span.ActivityTraceFlags;

    private static void Context(Utf8JsonWriter json, string name, ActivityContext context)
    {
        json.WriteStartObject(name);
        json.WriteString("TraceID", context.TraceId == default ? new string('0', 32) : context.TraceId.ToHexString());
        json.WriteString("SpanID", context.SpanId == default ? new string('0', 16) : context.SpanId.ToHexString());
        json.WriteString("TraceFlags", ((int)context.TraceFlags).ToString("x2", CultureInfo.InvariantCulture));
        json.WriteString("TraceState", context.TraceState ?? "");
        json.WriteBoolean("Remote", context.IsRemote);
        json.WriteEndObject();
    }

    private static void Events(Utf8JsonWriter json, Activity span)
    {
        json.WriteStartArray("Events");
        foreach (var one in span.EnumerateEvents())
        {
            json.WriteStartObject();
            json.WriteString("Name", one.Name);
            Attributes(json, "Attributes", one.Tags);
            json.WriteString("Time", one.Timestamp);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Links(Utf8JsonWriter json, Activity span)
    {
        json.WriteStartArray("Links");
        foreach (var link in span.EnumerateLinks())
        {
            json.WriteStartObject();
            Context(json, "SpanContext", link.Context);
            Attributes(json, "Attributes", link.Tags ?? []);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Attributes(Utf8JsonWriter json, string name, IEnumerable<KeyValuePair<string, object?>> attributes)
    {
        json.WriteStartArray(name);
        foreach (var (key, value) in attributes)
        {
            json.WriteStartObject();
            json.WriteString("Key", key);
            json.WriteStartObject("Value");
            Value(json, value);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void Value(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case bool flag:
                json.WriteString("Type", "BOOL");
                json.WriteBoolean("Value", flag);
                break;
            case int or long or short or byte or uint:
                json.WriteString("Type", "INT64");
                json.WriteNumber("Value", Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case double or float:
                json.WriteString("Type", "FLOAT64");
                json.WriteNumber("Value", Convert.ToDouble(value, CultureInfo.InvariantCulture));
                break;
            case string[] texts:
                json.WriteString("Type", "STRINGSLICE");
                json.WriteStartArray("Value");
                foreach (var text in texts)
                    json.WriteStringValue(text);
                json.WriteEndArray();
                break;
            default:
                json.WriteString("Type", "STRING");
                json.WriteString("Value", Convert.ToString(value, CultureInfo.InvariantCulture) ?? "");
                break;
        }
    }
}
