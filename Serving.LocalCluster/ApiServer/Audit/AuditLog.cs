using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Audit;

/// <summary>
/// Writes every write request to a file, one <c>audit.k8s.io/v1</c> Event per line, as kube-apiserver does with a policy that omits
/// reads: user, object, time, resourceVersion and response code. It includes bodies only of Leases, so that it contains no secrets.
/// </summary>
internal sealed class AuditLog : IDisposable
{
    /// <summary>The size in bytes at which the file is rotated to <c>FILE.1</c>, replacing the previous one.</summary>
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

    /// <summary>Opens a file for appending. Throws <see cref="IOException"/> on failure.</summary>
    public static AuditLog Open(string path, TimeProvider time) => new(path, time);

    /// <summary>Handles a request, and logs it if it may have changed something.</summary>
    public async Task HandleAsync(HttpContext context, Func<HttpContext, Task> handle)
    {
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
        {
            await handle(context);
            return;
        }

        var received = _time.GetUtcNow();
        var audited = new AuditedRequest();
        context.Features.Set(audited);
        try
        {
            await handle(context);
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

    private static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture);

    private void Write(HttpContext context, AuditedRequest audited, DateTimeOffset received)
    {
        var request = context.Request;
        using var body = audited.Document();
        var line = new JsonObject
        {
            ["kind"] = "Event",
            ["apiVersion"] = "audit.k8s.io/v1",
            ["level"] = audited.Resource == "leases" ? "Request" : "Metadata",
            ["auditID"] = Guid.NewGuid().ToString(),
            ["stage"] = "ResponseComplete",
            ["requestURI"] = request.Path.Value + request.QueryString.Value,
            ["verb"] = request.Method switch
            {
                "POST" => "create",
                "PUT" => "update",
                "PATCH" => "patch",
                var other => other.ToLowerInvariant(),
            },
            ["user"] = new JsonObject { ["username"] = audited.User },
            ["userAgent"] = request.Headers.UserAgent.ToString(),
            ["objectRef"] = new JsonObject
            {
                ["resource"] = audited.Resource,
                ["namespace"] = audited.Namespace,
                ["name"] = audited.Name ?? Metadata(body, "name"),
                ["subresource"] = audited.Subresource,
                ["resourceVersion"] = NamedVersion(body),
            },
            ["responseStatus"] = new JsonObject { ["code"] = context.Response.StatusCode },
            ["requestReceivedTimestamp"] = Time(received),
            ["stageTimestamp"] = Time(_time.GetUtcNow()),
        };
        if (audited.Resource == "leases")
            line["requestObject"] = body is null ? null : Json.Parse(audited.Body);
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

    private static StreamWriter Append(string path) =>
        new(PrivateFile.Open(path, FileMode.Append), new UTF8Encoding(false)) { AutoFlush = true };

    /// <summary>The version that the request is based on: from the document, or from the test of a JSON patch.</summary>
    private static string? NamedVersion(JsonDocument? body)
    {
        if (body is not { RootElement: { ValueKind: JsonValueKind.Array } steps })
            return Metadata(body, "resourceVersion");
        foreach (var step in steps.EnumerateArray())
        {
            if (Text(step, "op") == "test" && Text(step, "path") == "/metadata/resourceVersion")
                return Text(step, "value");
        }

        return null;
    }

    private static string? Metadata(JsonDocument? body, string name) =>
        body is { RootElement: { ValueKind: JsonValueKind.Object } root } && root.TryGetProperty("metadata", out var metadata)
            ? Text(metadata, name)
            : null;

    private static string? Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
}
