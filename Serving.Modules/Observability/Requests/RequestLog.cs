using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Serving.Observability.Logging;
using Serving.Templates;

namespace Serving.Observability.Requests;

/// <summary>Writes one line per request with a template of config-observability, which may change at any time. Requests do not wait for
/// the output: when it is too slow, lines are dropped and counted.</summary>
/// <param name="output">The output; it is not disposed.</param>
/// <param name="name">The name of the log in the metric of dropped lines.</param>
public sealed class RequestLog(Stream output, string name = "requests") : IDisposable
{
    private const int MaxQueuedLines = 4096;

    private readonly Lock _gate = new();
    private volatile Writing? _writing;
    private LineWriter? _lines;

    /// <summary>Whether there is a template; without one nothing is written.</summary>
    public bool IsOn => _writing is not null;

    /// <summary>Changes the template for subsequent responses. Throws (FormatException) for an invalid template, and keeps the previous
    /// one.</summary>
    /// <param name="template">The template; empty for none.</param>
    public void SetTemplate(string template)
    {
        ArgumentNullException.ThrowIfNull(template);
        lock (_gate)
        {
            if (template.Length == 0)
            {
                _writing = null;
                return;
            }

            try
            {
                // Each entry is a line, whether or not the template ends with one.
                DroppedLines.Open(name);
                var parsed = Template.Parse("requestLog", template.EndsWith('\n') ? template : template + "\n");
                _writing = new Writing(parsed, _lines ??= new LineWriter(output, MaxQueuedLines, CountDropped));
            }
            catch (TemplateException wrong)
            {
                throw new FormatException(wrong.Message, wrong);
            }
        }
    }

    /// <summary>Flushes queued lines.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _writing = null;
            _lines?.Dispose();
        }
    }

    /// <summary>Logs a completed request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="status">The response status.</param>
    /// <param name="size">Bytes of the response body.</param>
    /// <param name="latency">The duration.</param>
    /// <param name="revision">The revision that responded.</param>
    /// <param name="routing">How a gateway routed the request; null elsewhere.</param>
    public void Write(
        HttpContext context,
        int status,
        long size,
        TimeSpan latency,
        RequestLogRevision revision,
        RequestLogRouting? routing = null
    )
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(revision);
        if (_writing is not { } now)
            return;
        var entry = new RequestLogEntry(context, status, size, latency, revision.Fields, routing);
        now.Lines.Write(Encoding.UTF8.GetBytes(Line(now.Template, entry)));
    }

    private void CountDropped() => DroppedLines.Count(name);

    private static string Line(Template template, RequestLogEntry entry)
    {
        try
        {
            return template.Execute(entry);
        }
        catch (TemplateException)
        {
            // The template is valid but uses a member that does not exist: report it in the log itself, where its author looks.
            return string.Create(
                CultureInfo.InvariantCulture,
                $"Invalid request log template: method: {entry.Method}, response code: {entry.Status}, latency: {entry.Latency.TotalSeconds}, url: {entry.Target}\n"
            );
        }
    }

    private sealed record Writing(Template Template, LineWriter Lines);
}
