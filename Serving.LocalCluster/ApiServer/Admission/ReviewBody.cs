using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Admission;

/// <summary>The body of a request to a webhook: an AdmissionReview of <c>admission.k8s.io/v1</c>. The objects are written to it as they
/// are: they are most of it, and each write of the API would otherwise copy them for each webhook.</summary>
internal static class ReviewBody
{
    /// <summary>Writes a review.</summary>
    /// <param name="uid">The unique id that the response must repeat.</param>
    /// <param name="operation">The operation.</param>
    /// <param name="request">The request under review.</param>
    /// <param name="document">The new object; null for a delete.</param>
    /// <param name="old">The stored object; null for a create.</param>
    /// <param name="seen">The version in which the webhook gets both.</param>
    public static ReadOnlyMemory<byte> Write(
        string uid,
        AdmissionOperation operation,
        ResourceRequest request,
        JsonObject? document,
        JsonObject? old,
        ResourceInfo seen
    )
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using var writer = new Utf8JsonWriter(buffer, Json.Writing);
        writer.WriteStartObject();
        writer.WriteString("kind", "AdmissionReview");
        writer.WriteString("apiVersion", "admission.k8s.io/v1");
        writer.WriteStartObject("request");
        writer.WriteString("uid", uid);
        WriteFacts(writer, operation, request, document, old, seen);
        WriteObject(writer, "object", document, seen);
        WriteObject(writer, "oldObject", old, seen);
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenMemory;
    }

    private static void WriteFacts(
        Utf8JsonWriter writer,
        AdmissionOperation operation,
        ResourceRequest request,
        JsonObject? document,
        JsonObject? old,
        ResourceInfo seen
    )
    {
        var resource = request.Resource;
        var name = document.String("metadata", "name") ?? old.String("metadata", "name") ?? request.Name;
        WriteType(writer, "kind", seen, "kind", seen.Kind);
        WriteType(writer, "resource", seen, "resource", seen.Plural);
        WriteType(writer, "requestKind", resource, "kind", resource.Kind);
        WriteType(writer, "requestResource", resource, "resource", resource.Plural);
        writer.WriteString("name", name);
        writer.WriteString("operation", operation.ToString().ToUpperInvariant());
        writer.WritePropertyName("userInfo");
        request.Caller.ToUserInfo().WriteTo(writer);
        writer.WriteBoolean("dryRun", request.IsDryRun);
        writer.WriteStartObject("options");
        writer.WriteString("kind", $"{operation}Options");
        writer.WriteString("apiVersion", "meta.k8s.io/v1");
        writer.WriteEndObject();
        if (request.Subresource is not null)
        {
            writer.WriteString("subResource", request.Subresource);
            writer.WriteString("requestSubResource", request.Subresource);
        }

        if (resource.IsNamespaced)
            writer.WriteString("namespace", request.Namespace);
        else if (resource is { Group: "", Kind: "Namespace" })
            writer.WriteString("namespace", name);
    }

    private static void WriteType(Utf8JsonWriter writer, string property, ResourceInfo resource, string what, string name)
    {
        writer.WriteStartObject(property);
        writer.WriteString("group", resource.Group);
        writer.WriteString("version", resource.Version);
        writer.WriteString(what, name);
        writer.WriteEndObject();
    }

    private static void WriteObject(Utf8JsonWriter writer, string property, JsonObject? document, ResourceInfo seen)
    {
        writer.WritePropertyName(property);
        if (document is null)
        {
            writer.WriteNullValue();
            return;
        }

        writer.WriteStartObject();
        writer.WriteString("apiVersion", seen.ApiVersion);
        foreach (var (name, value) in document)
        {
            if (name == "apiVersion")
                continue;
            writer.WritePropertyName(name);
            if (value is null)
                writer.WriteNullValue();
            else
                value.WriteTo(writer);
        }

        writer.WriteEndObject();
    }
}
