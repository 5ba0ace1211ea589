using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Serving.Observability.Logging;

/// <summary>Writes the events of one category as lines.</summary>
internal sealed class StructuredLogger(string category, string component, StructuredLoggerProvider provider) : ILogger
{
    private const string OriginalFormat = "{OriginalFormat}";
    private static readonly JsonWriterOptions JsonOptions = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    private readonly string _name = component.Length == 0 ? category : component;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => provider.Scopes.Push(state);

    public bool IsEnabled(LogLevel logLevel) => provider.IsEnabled(component, logLevel);

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter
    )
    {
        if (!IsEnabled(logLevel) || !provider.Limiter.TryPass(category, logLevel, state, exception, out var repeated))
        {
            return;
        }

        provider.Export?.CreateLogger(category).Log(logLevel, eventId, state, exception, formatter);
        var message = formatter(state, exception);
        var fields = state as IReadOnlyList<KeyValuePair<string, object?>> ?? [];
        provider.Writer.Write(
            provider.Options.Format == LogFormat.Json
                ? Json(logLevel, eventId, message, fields, exception, repeated)
                : Encoding.UTF8.GetBytes(Plain(logLevel, message, exception, repeated))
        );
    }

    private byte[] Json(
        LogLevel level,
        EventId eventId,
        string message,
        IReadOnlyList<KeyValuePair<string, object?>> fields,
        Exception? exception,
        int repeated
    )
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, JsonOptions))
        {
            json.WriteStartObject();
            json.WriteString("severity", LogLevels.Severity(level));
            json.WriteString(
                "timestamp",
                provider.Time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)
            );
            json.WriteString("logger", _name);
            json.WriteString("caller", category);
            json.WriteString("message", message);
            if (eventId.Name?.Contains('.', StringComparison.Ordinal) == true)
            {
                // A dotted name is part of our interface, such as serving.cold_start; others are names of methods.
                json.WriteString("event", eventId.Name);
            }

            foreach (var (key, value) in provider.Options.Fields)
            {
                json.WriteString(key, value);
            }

            if (Activity.Current is { Recorded: true, IsStopped: false } span)
            {
                json.WriteString("knative.dev/traceid", span.TraceId.ToHexString());
            }

            WriteFields(json, fields);
            provider.Scopes.ForEachScope(
                static (scope, writer) => WriteFields(writer, scope as IReadOnlyList<KeyValuePair<string, object?>> ?? []),
                json
            );
            if (repeated > 0)
            {
                json.WriteNumber("repeated", repeated);
            }

            if (exception is not null)
            {
                // The template may have a field of the same name; each field is written once.
                if (!fields.Any(static field => field.Key == "Error"))
                {
                    json.WriteString("error", exception.Message);
                }

                json.WriteString("stacktrace", exception.ToString());
            }

            json.WriteEndObject();
        }

        buffer.Write("\n"u8);
        return buffer.WrittenSpan.ToArray();
    }

    private string Plain(LogLevel level, string message, Exception? exception, int repeated)
    {
        var time = provider.Time.GetLocalNow().ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture);
        var line =
            $"{time} {LogLevels.Name(level), -5} {_name}: {OneLine(message)}{(repeated > 0 ? $" (and {repeated} more like it before)" : "")}";
        return exception is null ? line + "\n" : $"{line} ({exception.GetType().Name}: {OneLine(exception.Message)})\n";
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");

    private static void WriteFields(Utf8JsonWriter json, IReadOnlyList<KeyValuePair<string, object?>> fields)
    {
        for (var i = 0; i < fields.Count; i++)
        {
            var (key, value) = fields[i];
            if (key != OriginalFormat)
            {
                json.WritePropertyName(FieldName(key));
                WriteValue(json, value);
            }
        }
    }

    /// <summary>Template placeholders are in Pascal case, fields in camel case.</summary>
    private static string FieldName(string key) =>
        key.Length > 0 && char.IsAsciiLetterUpper(key[0]) ? char.ToLowerInvariant(key[0]) + key[1..] : key;

    private static void WriteValue(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case int number:
                json.WriteNumberValue(number);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case double number when double.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case IFormattable formattable:
                json.WriteStringValue(formattable.ToString(null, CultureInfo.InvariantCulture));
                break;
            default:
                json.WriteStringValue(value.ToString());
                break;
        }
    }
}
