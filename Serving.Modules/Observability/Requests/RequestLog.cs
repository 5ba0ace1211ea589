using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.Observability;
using Serving.Templates;

namespace Serving.QueueProxy.Telemetry;

/// <summary>Writes a line a request to the standard output, as the template of config-observability says. No request waits for it.</summary>
internal sealed partial class RequestLog : IDisposable
{
    private const int MaxQueuedLines = 4096;

    private readonly Template _template;
    private readonly ITemplateObject _revision;
    private readonly LineWriter _lines;

    private RequestLog(Template template, QueueProxyConfig config, Stream output)
    {
        _template = template;
        _lines = new LineWriter(output, MaxQueuedLines);
        IncludesProbes = config.Observability.EnableProbeRequestLog;
        _revision = new TemplateRecord(
            "*http.RequestLogRevision",
            ("Name", config.Revision),
            ("Namespace", config.Namespace),
            ("Service", config.Service),
            ("Configuration", config.Configuration),
            ("PodName", config.Pod),
            ("PodIP", config.PodIP));
    }

    /// <summary>Whether probes are logged too.</summary>
    public bool IncludesProbes { get; }

    /// <summary>The log that the configuration asks for; null when it asks for none, or its template is none, which is logged.</summary>
    public static RequestLog? Create(QueueProxyConfig config, Stream output, ILogger logger)
    {
        var text = config.Observability.RequestLogTemplate;
        if (!config.Observability.EnableRequestLog || text.Length == 0) return null;
        try
        {
            // Each entry is a line, whatever the template says.
            return new RequestLog(Template.Parse("requestLog", text.EndsWith('\n') ? text : text + "\n"), config, output);
        }
        catch (TemplateException exception)
        {
            LogTemplate(logger, exception.Message);
            return null;
        }
    }

    /// <summary>Writes what is queued.</summary>
    public void Dispose() => _lines.Dispose();

    /// <summary>Logs a request that was answered.</summary>
    public void Write(HttpContext context, int status, long size, TimeSpan latency)
    {
        var entry = new RequestLogEntry(context, status, size, latency, _revision);
        _lines.Write(Encoding.UTF8.GetBytes(Line(entry)));
    }

    private string Line(RequestLogEntry entry)
    {
        try
        {
            return _template.Execute(entry);
        }
        catch (TemplateException)
        {
            // It parses, but asks for what there is not: said in the log itself, where whoever wrote it looks.
            return string.Create(
                CultureInfo.InvariantCulture,
                $"Invalid request log template: method: {entry.Method}, response code: {entry.Status}, latency: {entry.Latency.TotalSeconds}, url: {entry.Target}\n");
        }
    }

    [LoggerMessage(20, LogLevel.Error, "There is no request log: {Reason}")]
    private static partial void LogTemplate(ILogger logger, string reason);
}
