using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Kubernetes.Client;

/// <summary>JSON metadata of types that only the client uses.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(DeleteRequest))]
[JsonSerializable(typeof(JsonDocument))]
internal sealed partial class ClientJson : JsonSerializerContext;

/// <summary>The body of a delete.</summary>
internal sealed record DeleteRequest(string? PropagationPolicy, int? GracePeriodSeconds, DeletePreconditions? Preconditions)
{
    public string ApiVersion => "v1";

    public string Kind => "DeleteOptions";

    public static DeleteRequest Of(DeleteOptions options) =>
        new(
            options.Propagation,
            options.GracePeriodSeconds,
            options.Uid is null && options.ResourceVersion is null ? null : new DeletePreconditions(options.Uid, options.ResourceVersion)
        );
}

/// <summary>Preconditions of a delete.</summary>
internal sealed record DeletePreconditions(string? Uid, string? ResourceVersion);
