using System.Text.Json;
using Serving.Api;
using Serving.Api.GoTypes;
using Serving.Api.Validation;

namespace Serving.Webhook;

/// <summary>A kind that is defaulted and validated.</summary>
internal interface IAdmittedKind
{
    /// <summary>Its resource.</summary>
    ResourceType Resource { get; }

    /// <summary>Returns the object with defaults; <paramref name="old"/> is the previous version. Throws
    /// <see cref="JsonException"/>.</summary>
    JsonElement Default(JsonElement value, JsonElement? old, AdmissionContext context);

    /// <summary>Validates the object; <paramref name="old"/> is the previous version. Throws <see cref="JsonException"/>.</summary>
    FieldError Validate(JsonElement value, JsonElement? old, AdmissionContext context);
}

/// <summary>A kind and the pure functions that default and validate it.</summary>
internal sealed class AdmittedKind<T>(
    ResourceType<T> resource,
    Func<T, T?, AdmissionContext, T> withDefaults,
    Func<T, T?, AdmissionContext, FieldError> validate
) : IAdmittedKind
    where T : class, IKubernetesObject
{
    /// <summary>
    /// Maximum number of values in an object. A stored object has at most 1.5 MiB and far fewer values, but a body of empty entries would
    /// take hundreds of times its size in memory.
    /// </summary>
    private const int MostValues = 100_000;

    /// <summary>Maximum number of members of one JSON object: member lookup is linear, and each member is looked up.</summary>
    private const int MostMembers = 10_000;

    public ResourceType Resource => resource;

    public JsonElement Default(JsonElement value, JsonElement? old, AdmissionContext context)
    {
        Bound(old, "old");
        Bound(value, "new");

        // The old object gets today's defaults, so that a new default does not look like a change by the user.
        var before = Read(CanonicalOrOlder(old), "old");
        before = before is null ? null : withDefaults(before, null, context with { Operation = AdmissionOperation.Compare });
        var defaulted = JsonSerializer
            .SerializeToNode(withDefaults(Read(Canonical(value), "new")!, before, context), resource.Json)!
            .AsObject();
        MissingFields.Remove(defaulted, value, resource.Json);
        return JsonSerializer.SerializeToElement(defaulted, WebhookJson.Default.JsonObject);
    }

    public FieldError Validate(JsonElement value, JsonElement? old, AdmissionContext context)
    {
        Bound(value, "new");
        Bound(old, "old");

        // Rewritten parts appear in no message, so it is enough that the object can be decoded.
        Canonical(value);
        return validate(Read(value, "new")!, Read(old, "old"), context);
    }

    // Our records keep some parts unparsed, and so accept what Go rejects, and keep what Go rewrites.
    private JsonElement Canonical(JsonElement value)
    {
        try
        {
            return GoReader.Read(value, resource.Kind);
        }
        catch (Exception error) when (error is JsonException or ArgumentException)
        {
            throw new JsonException($"cannot decode incoming new object: {error.Message}", error);
        }
    }

    // Objects that a less strict release accepted must remain editable: the old one is used as it is.
    private JsonElement? CanonicalOrOlder(JsonElement? old)
    {
        try
        {
            return old is { } element ? GoReader.Read(element, resource.Kind) : null;
        }
        catch (Exception error) when (error is JsonException or ArgumentException)
        {
            return old;
        }
    }

    private T? Read(JsonElement? value, string which)
    {
        if (value is not { } element)
        {
            return null;
        }

        if (HasNullEntry(element))
        {
            throw new JsonException($"cannot decode incoming {which} object: a list has an entry that is null");
        }

        try
        {
            return element.Deserialize(resource.Json) ?? throw new JsonException("it is null");
        }
        catch (Exception error)
            when (error is JsonException or FormatException or OverflowException or InvalidOperationException or ArgumentException)
        {
            throw new JsonException($"cannot decode incoming {which} object: {error.Message}", error);
        }
    }

    private static void Bound(JsonElement? value, string which)
    {
        if (value is { } element && Count(element) > MostValues)
        {
            throw new JsonException(
                $"cannot decode incoming {which} object: it has more than {MostValues} values, or an object in it has more than {MostMembers} members"
            );
        }
    }

    // Counts the values, including containers, and stops soon after the limit.
    private static int Count(JsonElement value)
    {
        var count = 1;
        switch (value.ValueKind)
        {
            case JsonValueKind.Array when value.GetArrayLength() > MostValues:
                return MostValues + 1;
            case JsonValueKind.Array:
                foreach (var entry in value.EnumerateArray())
                {
                    count += Count(entry);
                    if (count > MostValues)
                        break;
                }

                break;
            case JsonValueKind.Object:
                var members = 0;
                foreach (var member in value.EnumerateObject())
                {
                    count += ++members > MostMembers ? MostValues : Count(member.Value);
                    if (count > MostValues)
                        break;
                }

                break;
        }

        return count;
    }

    // As a record, such an entry would look like an empty one.
    private static bool HasNullEntry(JsonElement value) =>
        value.ValueKind switch
        {
            JsonValueKind.Array => value.EnumerateArray().Any(e => e.ValueKind == JsonValueKind.Null || HasNullEntry(e)),
            JsonValueKind.Object => value.EnumerateObject().Any(m => HasNullEntry(m.Value)),
            _ => false,
        };
}
