using System.Text.Json;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Audit;

/// <summary>Details of a request for the audit log, collected while it is handled.</summary>
internal sealed class AuditedRequest
{
    /// <summary>The user.</summary>
    public string User { get; set; } = "";

    /// <summary>The plural name of the resource.</summary>
    public string Resource { get; set; } = "";

    public string Namespace { get; set; } = "";

    public string? Name { get; set; }

    public string? Subresource { get; set; }

    /// <summary>The raw body.</summary>
    public ReadOnlyMemory<byte> Body { get; set; }

    /// <summary>The body as JSON, to be disposed; null when it is not JSON.</summary>
    public JsonDocument? Document()
    {
        if (Body.IsEmpty || Body.Span[0] is not ((byte)'{' or (byte)'['))
            return null;
        try
        {
            return JsonDocument.Parse(Body, new JsonDocumentOptions { MaxDepth = Json.MaxDepth });
        }
        catch (JsonException)
        {
            // Rejected as malformed; the logged status shows it.
            return null;
        }
    }
}
