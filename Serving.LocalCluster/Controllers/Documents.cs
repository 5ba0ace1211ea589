using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.LocalCluster.Controllers;

/// <summary>Common operations of the controllers on documents: names, owners, patches.</summary>
internal static class Documents
{
    // Kubernetes' own alphabet of generated names: no vowels, so no words.
    private const string NameAlphabet = "bcdfghjklmnpqrstvwxz2456789";

    /// <summary>A hash of <paramref name="length"/> characters of the JSON of <paramref name="value"/>; equal for equal
    /// documents.</summary>
    public static string Hash<T>(T value, int length = 10)
        where T : class => Hash(Canonical(Node(value)), length);

    /// <summary>A hash of <paramref name="length"/> characters of a text.</summary>
    public static string Hash(string text, int length) => Letters(SHA256.HashData(Encoding.UTF8.GetBytes(text)), length);

    /// <summary>A random name of five characters, as Kubernetes appends to a <c>generateName</c>.</summary>
    public static string RandomSuffix() => Letters(RandomNumberGenerator.GetBytes(5), 5);

    /// <summary>A patch that sets these owners; it fails with a conflict when the object has another uid or version.</summary>
    public static Patch OwnersPatch(IKubernetesObject value, IReadOnlyList<OwnerReference> owners) =>
        MetadataPatch(
            value,
            "ownerReferences",
            JsonSerializer.SerializeToNode(owners, ApiJson.Default.Of<IReadOnlyList<OwnerReference>>())!
        );

    /// <summary>A patch of one field of an object's metadata; it fails with a conflict when the object has another uid or
    /// version.</summary>
    public static Patch MetadataPatch(IKubernetesObject value, string field, JsonNode content) =>
        new(
            PatchType.Merge,
            new JsonObject
            {
                ["metadata"] = new JsonObject
                {
                    ["uid"] = value.Metadata.Uid,
                    ["resourceVersion"] = value.Metadata.ResourceVersion,
                    [field] = content,
                },
            }.ToJsonString()
        );

    /// <summary>
    /// Writes only the difference between the object that was read and the desired one: a cached copy lacks the fields that the cache
    /// drops, and a replacement would remove them. Throws a conflict when the object has another uid or version.
    /// </summary>
    public static Task<T> ChangeAsync<T>(IKubernetesClient client, ResourceType<T> type, T before, T after, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        var patch = Difference((JsonObject)Node(before)!, (JsonObject)Node(after)!);
        if (patch["metadata"] is not JsonObject metadata)
        {
            patch["metadata"] = metadata = [];
        }

        metadata["uid"] = before.Metadata.Uid;
        metadata["resourceVersion"] = before.Metadata.ResourceVersion;
        return client.PatchAsync(
            type,
            before.Metadata.Namespace,
            before.Metadata.Name,
            new Patch(PatchType.Merge, patch.ToJsonString()),
            cancellation
        );
    }

    /// <summary>A merged copy: keys of <paramref name="over"/> win.</summary>
    public static IReadOnlyDictionary<string, string> Merge(
        IReadOnlyDictionary<string, string> under,
        IReadOnlyDictionary<string, string> over
    )
    {
        var merged = new Dictionary<string, string>(under);
        foreach (var (key, value) in over)
        {
            merged[key] = value;
        }

        return merged;
    }

    /// <summary>Awaits a call on an object that may have been deleted; returns whether it still existed.</summary>
    public static async Task<bool> UnlessGoneAsync(Task call)
    {
        try
        {
            await call;
            return true;
        }
        catch (KubernetesException failure) when (failure.IsNotFound)
        {
            return false;
        }
    }

    /// <summary>
    /// Creates an object unless it already exists and only the cache does not show it yet: its event queues the key again.
    /// </summary>
    public static async Task CreateAsync<T>(IKubernetesClient client, ResourceType<T> type, T value, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        try
        {
            await client.CreateAsync(type, value, cancellation);
        }
        catch (KubernetesException failure) when (failure.IsAlreadyExists)
        {
            // The existing object is reconciled when its event arrives.
        }
    }

    // A merge patch (RFC 7386): null removes a member, lists are replaced as a whole.
    private static JsonObject Difference(JsonObject before, JsonObject after)
    {
        var patch = new JsonObject();
        foreach (var (name, value) in after)
        {
            if (before[name] is JsonObject old && value is JsonObject now)
            {
                if (Difference(old, now) is { Count: > 0 } inner)
                {
                    patch[name] = inner;
                }
            }
            else if (!JsonNode.DeepEquals(before[name], value))
            {
                patch[name] = value?.DeepClone();
            }
        }

        foreach (var (name, _) in before.Where(entry => !after.ContainsKey(entry.Key)))
        {
            patch[name] = null;
        }

        return patch;
    }

    private static JsonNode? Node<T>(T? value)
        where T : class => value is null ? null : JsonSerializer.SerializeToNode(value, ApiJson.Default.Of<T>());

    private static string Canonical(JsonNode? node) =>
        node switch
        {
            JsonObject map => "{"
                + string.Join(
                    ',',
                    map.OrderBy(entry => entry.Key, StringComparer.Ordinal)
                        .Select(entry => $"{JsonValue.Create(entry.Key).ToJsonString()}:{Canonical(entry.Value)}")
                )
                + "}",
            JsonArray list => "[" + string.Join(',', list.Select(Canonical)) + "]",
            null => "null",
            _ => node.ToJsonString(),
        };

    private static string Letters(ReadOnlySpan<byte> bytes, int length)
    {
        var name = new StringBuilder(length);
        for (var i = 0; i < length; i++)
        {
            name.Append(NameAlphabet[bytes[i] % NameAlphabet.Length]);
        }

        return name.ToString();
    }
}
