using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Audit;

/// <summary>
/// Writes what clients change to a file, one <c>audit.k8s.io/v1</c> Event a line, as kube-apiserver does with a policy that leaves reads
/// out: who, what, when it came, which version it named and what became of it. Bodies are written of Leases alone: no secret gets there.
/// </summary>
internal sealed class AuditLog : IDisposable
{
    /// <summary>A file that has grown to as many bytes is put aside as <c>FILE.1</c>, in place of the one before.</summary>
    internal const long Largest = 256L << 20;

    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private StreamWriter _writer;

    private AuditLog(string path, TimeProvider time)
    {
        _path = path;
        _writer = Append(path);
        _time = time;
    }

    /// <summary>Opens a file to append to. Throws <see cref="IOException"/> when that cannot be.</summary>
    public static AuditLog Open(string path, TimeProvider time)
        => new(path, time);

    /// <summary>Handles a request, and notes it when it may have changed something.</summary>
    public async Task HandleAsync(HttpContext context, Func<HttpContext, Task> handle)
    {
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
        {
            await handle(context).ConfigureAwait(false);
            return;
        }

        var received = _time.GetUtcNow();
        var audited = new AuditedRequest();
        context.Features.Set(audited);
        try
        {
            await handle(context).ConfigureAwait(false);
        }
        finally
        {
            Write(context, audited, received);
        }
    }

    public void Dispose()
    {
        lock (_lock)
            _writer.Dispose();
    }

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private void Write(HttpContext context, AuditedRequest audited, DateTimeOffset received)
    {
        var request = context.Request;
        var body = audited.Document();
        var line = new JsonObject
        {
            ["kind"] = "Event",
            ["apiVersion"] = "audit.k8s.io/v1",
            ["level"] = audited.Resource == "leases" ? "Request" : "Metadata",
            ["auditID"] = Guid.NewGuid().ToString(),
            ["stage"] = "ResponseComplete",
            ["requestURI"] = request.Path.Value + request.QueryString.Value,
            ["verb"] = request.Method switch { "POST" => "create", "PUT" => "update", "PATCH" => "patch", var other => other.ToLowerInvariant() },
            ["user"] = new JsonObject { ["username"] = audited.User },
            ["userAgent"] = request.Headers.UserAgent.ToString(),
            ["objectRef"] = new JsonObject
            {
                ["resource"] = audited.Resource,
                ["namespace"] = audited.Namespace,
                ["name"] = audited.Name ?? body.String("metadata", "name"),
                ["subresource"] = audited.Subresource,
                ["resourceVersion"] = NamedVersion(body),
            },
            ["responseStatus"] = new JsonObject { ["code"] = context.Response.StatusCode },
            ["requestReceivedTimestamp"] = Time(received),
            ["stageTimestamp"] = Time(_time.GetUtcNow()),
        };
        if (audited.Resource == "leases")
            line["requestObject"] = body?.DeepClone();
        var text = line.ToJsonString();
        lock (_lock)
        {
            if (_writer.BaseStream.Length > Largest)
            {
                _writer.Dispose();
                File.Move(_path, _path + ".1", overwrite: true);
                _writer = Append(_path);
            }

            _writer.WriteLine(text);
        }
    }

    private static StreamWriter Append(string path) => new(PrivateFile.Open(path, FileMode.Append), new UTF8Encoding(false)) { AutoFlush = true };

    /// <summary>The version that the request is based on: the document's own, or the one that a JSON patch tests.</summary>
    private static string? NamedVersion(JsonNode? body) => body is JsonArray steps
        ? steps.FirstOrDefault(step => step.String("op") == "test" && step.String("path") == "/metadata/resourceVersion").String("value")
        : body.String("metadata", "resourceVersion");
}
