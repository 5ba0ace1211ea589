using System.Buffers;
using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;

namespace Serving.Controller.Revisions.Resources;

/// <summary>
/// A short hash of a wanted Deployment: the same for equal contents, whatever the order of fields. It starts with a zero, which hashes of
/// other implementations, numbers without leading zeros, never do: so it also tells which implementation wrote the Deployment.
/// </summary>
internal static class DeploymentHash
{
    private const string Digits = "0123456789abcdefghijklmnopqrstuvwxyz";
    private const string Ours = "0";

    /// <summary>Whether a Deployment's hash is one of ours.</summary>
    public static bool IsOurs(string hash) => hash.Length > Ours.Length && hash.StartsWith(Ours, StringComparison.Ordinal);

    public static string Of(Deployment deployment)
    {
        using var document = JsonSerializer.SerializeToDocument(
            new Deployment
            {
                Metadata = new ObjectMeta { Labels = deployment.Metadata.Labels, Annotations = deployment.Metadata.Annotations },
                Spec = deployment.Spec,
            },
            Serving.Api.Resources.Deployments.Json
        );
        var sorted = new ArrayBufferWriter<byte>(4096);
        using (var writer = new Utf8JsonWriter(sorted))
        {
            WriteSorted(writer, document.RootElement);
        }

        // The writer escapes what is not ASCII. A character counts as two bytes, of which the second is zero.
        var hash = Fnv1a.Offset32;
        foreach (var character in sorted.WrittenSpan)
        {
            hash = unchecked((hash ^ character) * Fnv1a.Prime32 * Fnv1a.Prime32);
        }

        var text = "";
        do
        {
            text = Digits[(int)(hash % 36)] + text;
            hash /= 36;
        } while (hash > 0);
        return Ours + text;
    }

    private static void WriteSorted(Utf8JsonWriter writer, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteStartObject();
                foreach (var property in value.EnumerateObject().OrderBy(static property => property.Name, StringComparer.Ordinal))
                {
                    writer.WritePropertyName(property.Name);
                    WriteSorted(writer, property.Value);
                }

                writer.WriteEndObject();
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                {
                    WriteSorted(writer, item);
                }

                writer.WriteEndArray();
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }
}
