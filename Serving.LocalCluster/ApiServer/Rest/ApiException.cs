using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Security;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>A rejected request, with the <c>Status</c> of the response. The texts are kube-apiserver's.</summary>
internal sealed class ApiException : Exception
{
    public ApiException(int code, string reason, string message, JsonObject? details = null)
        : base(message)
    {
        Code = code;
        Reason = reason;
        Details = details;
    }

    /// <summary>The HTTP status code.</summary>
    public int Code { get; }

    /// <summary>The machine-readable reason.</summary>
    public string Reason { get; }

    /// <summary>Details: the object and the fields.</summary>
    public JsonObject? Details { get; }

    /// <summary>The body of the response.</summary>
    public JsonObject ToStatus()
    {
        var status = new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Failure",
            ["message"] = Message,
            ["reason"] = Reason,
        };
        if (Details is not null)
            status["details"] = Details.DeepClone();
        status["code"] = Code;
        return status;
    }

    public static ApiException NotFound(string group, string resource, string name) =>
        new(404, "NotFound", $"{Qualified(group, resource)} \"{name}\" not found", Of(group, resource, name));

    /// <summary>The path does not exist.</summary>
    public static ApiException NoSuchPath() => new(404, "NotFound", "the server could not find the requested resource", new JsonObject());

    public static ApiException AlreadyExists(string group, string resource, string name) =>
        new(409, "AlreadyExists", $"{Qualified(group, resource)} \"{name}\" already exists", Of(group, resource, name));

    public static ApiException Conflict(string group, string resource, string name, string why) =>
        new(409, "Conflict", $"Operation cannot be fulfilled on {Qualified(group, resource)} \"{name}\": {why}", Of(group, resource, name));

    /// <summary>The resourceVersion in the request is not the latest.</summary>
    public static ApiException Stale(string group, string resource, string name) =>
        Conflict(group, resource, name, "the object has been modified; please apply your changes to the latest version and try again");

    public static ApiException BadRequest(string message) => new(400, "BadRequest", message);

    public static ApiException Forbidden(string group, string resource, string name, string why, JsonArray? causes = null)
    {
        var details = Of(group, resource, name);
        if (causes is not null)
            details["causes"] = causes;
        return new(403, "Forbidden", $"{Qualified(group, resource)} \"{name}\" is forbidden: {why}", details);
    }

    /// <summary>The caller is not authorized.</summary>
    /// <param name="request">The request to authorize.</param>
    /// <param name="reason">The authorizer's reason; may be empty.</param>
    public static ApiException Forbidden(in AccessRequest request, string reason)
    {
        var why = reason.Length == 0 ? request.Refusal() : $"{request.Refusal()}: {reason}";
        if (!request.IsResource)
            return new(403, "Forbidden", $"forbidden: {why}", new JsonObject());
        var what = Qualified(request.Group, request.Resource);
        var details = Of(request.Group, request.Resource, request.Name);
        if (request.Name.Length == 0)
            details.Remove("name");
        return new(403, "Forbidden", $"{(request.Name.Length == 0 ? what : $"{what} \"{request.Name}\"")} is forbidden: {why}", details);
    }

    /// <summary>The object has invalid fields.</summary>
    public static ApiException Invalid(string group, string kind, string name, IReadOnlyList<FieldError> errors)
    {
        var details = Of(group, kind, name);
        details["causes"] = new JsonArray([
            .. errors.Select(e =>
                (JsonNode)
                    new JsonObject
                    {
                        ["reason"] = e.Reason,
                        ["message"] = e.Detail,
                        ["field"] = e.Field,
                    }
            ),
        ]);
        var texts = errors.Select(e => e.ToString()).Distinct(StringComparer.Ordinal).ToList();
        var text = texts.Count == 1 ? texts[0] : $"[{string.Join(", ", texts)}]";
        return new(422, "Invalid", $"{Qualified(group, kind)} \"{name}\" is invalid: {text}", details);
    }

    public static ApiException Gone(string message) => new(410, "Expired", message);

    public static ApiException UnsupportedMediaType(string message) => new(415, "UnsupportedMediaType", message);

    public static ApiException MethodNotAllowed() =>
        new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", new JsonObject());

    public static ApiException Internal(string message) =>
        new(
            500,
            "InternalError",
            $"Internal error occurred: {message}",
            new JsonObject { ["causes"] = new JsonArray(new JsonObject { ["message"] = message }) }
        );

    private static string Qualified(string group, string resource) => group.Length == 0 ? resource : $"{resource}.{group}";

    private static JsonObject Of(string group, string resource, string name)
    {
        var details = new JsonObject { ["name"] = name };
        if (group.Length > 0)
            details["group"] = group;
        details["kind"] = resource;
        return details;
    }
}

/// <summary>An invalid field.</summary>
/// <param name="Field">Its path, such as <c>spec.ports[0].port</c>.</param>
/// <param name="Reason">The reason, such as <c>FieldValueInvalid</c>.</param>
/// <param name="Detail">The text after the path.</param>
internal sealed record FieldError(string Field, string Reason, string Detail)
{
    public static FieldError Required(string field, string detail = "") =>
        new(field, "FieldValueRequired", detail.Length == 0 ? "Required value" : $"Required value: {detail}");

    public static FieldError Invalid(string field, JsonNode? value, string detail) =>
        new(field, "FieldValueInvalid", $"Invalid value: {Show(value)}: {detail}");

    public static FieldError Type(string field, string shown, string detail) =>
        new(field, "FieldValueTypeInvalid", $"Invalid value: \"{shown}\": {detail}");

    public static FieldError NotSupported(string field, JsonNode? value, IEnumerable<string> supported) =>
        new(
            field,
            "FieldValueNotSupported",
            $"Unsupported value: {Show(value)}: supported values: {string.Join(", ", supported.Select(s => $"\"{s}\""))}"
        );

    public static FieldError Duplicate(string field, JsonNode? value) =>
        new(field, "FieldValueDuplicate", $"Duplicate value: {Show(value)}");

    public static FieldError Forbidden(string field, string detail) => new(field, "FieldValueForbidden", $"Forbidden: {detail}");

    public override string ToString() => $"{Field}: {Detail}";

    private static string Show(JsonNode? value) => value is null ? "null" : Json.Text(value);
}
