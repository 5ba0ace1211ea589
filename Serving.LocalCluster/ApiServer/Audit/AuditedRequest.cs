using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Audit;

/// <summary>What becomes known of a request while it is handled, for the audit log.</summary>
internal sealed class AuditedRequest
{
    /// <summary>Who made it.</summary>
    public string User { get; set; } = "";

    /// <summary>The plural of the resource.</summary>
    public string Resource { get; set; } = "";

    public string Namespace { get; set; } = "";

    public string? Name { get; set; }

    public string? Subresource { get; set; }

    /// <summary>The body as it came.</summary>
    public ReadOnlyMemory<byte> Body { get; set; }

    /// <summary>The body as JSON; null when it is none.</summary>
    public JsonNode? Document()
    {
        if (Body.IsEmpty || Body.Span[0] is not ((byte)'{' or (byte)'['))
            return null;
        try
        {
            return Json.Parse(Body);
        }
        catch (JsonException)
        {
            // Refused as malformed; the log tells so by its status.
            return null;
        }
    }
}
