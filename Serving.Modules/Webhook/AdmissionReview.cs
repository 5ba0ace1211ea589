using System.Text.Json;

namespace Serving.Webhook;

/// <summary>The names of the admission operations.</summary>
internal static class AdmissionOperations
{
    public const string Create = "CREATE";
    public const string Update = "UPDATE";
    public const string Delete = "DELETE";
}

/// <summary>A request of the API server (AdmissionReview of admission.k8s.io, v1 and v1beta1 alike).</summary>
internal sealed record AdmissionReview(string ApiVersion, string Kind, AdmissionRequest Request)
{
    /// <summary>Maximum depth of a review. Only hostile ones are deeper.</summary>
    public const int MaxDepth = 128;

    /// <summary>Parses a review; throws <see cref="JsonException"/> when it is invalid.</summary>
    public static AdmissionReview Read(JsonElement document)
    {
        var request = Member(document, "request") ?? throw new JsonException("the review has no request");
        var kind = Member(request, "kind") ?? throw new JsonException("the request has no kind");
        return new(
            Text(document, "apiVersion"),
            Text(document, "kind"),
            new AdmissionRequest(
                Text(request, "uid"),
                new(Text(kind, "group"), Text(kind, "version"), Text(kind, "kind")),
                Text(request, "operation"),
                Text(request, "subResource"),
                Text(request, "namespace"),
                Text(request, "name"),
                Member(request, "userInfo") is { } user ? Text(user, "username") : "",
                Member(request, "object"),
                Member(request, "oldObject"),
                Member(request, "dryRun") is { ValueKind: JsonValueKind.True }
            )
        );
    }

    private static JsonElement? Member(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null
            ? member
            : null;

    private static string Text(JsonElement value, string name) =>
        Member(value, name) switch
        {
            null => "",
            { ValueKind: JsonValueKind.String } text => text.GetString()!,
            _ => throw new JsonException($"{name} is not a string"),
        };
}

/// <summary>A kind with group and version.</summary>
internal readonly record struct GroupVersionKind(string Group, string Version, string Kind)
{
    public override string ToString() => $"{Group}/{Version}, Kind={Kind}";
}

/// <summary>A request to admit an object.</summary>
internal sealed record AdmissionRequest(
    string Uid,
    GroupVersionKind Kind,
    string Operation,
    string Subresource,
    string Namespace,
    string Name,
    string UserName,
    JsonElement? Object,
    JsonElement? OldObject,
    bool DryRun
);
