using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>Validates port numbers and port names.</summary>
internal static class PortRules
{
    private const string Range = "must be between 1 and 65535, inclusive";

    /// <summary>Validates a port number or name; a missing port is port 0.</summary>
    public static void NumberOrName(JsonNode? port, string path, List<FieldError> errors)
    {
        if (port is JsonValue text && text.GetValueKind() == JsonValueKind.String)
        {
            if (BrokenName(text.GetValue<string>()) is { } rule)
                errors.Add(FieldError.Invalid(path, port, rule));
        }
        else
        {
            Number(port ?? 0, path, errors);
        }
    }

    /// <summary>Validates a port number.</summary>
    public static void Number(JsonNode? port, string path, List<FieldError> errors)
    {
        if (!IsNumber(port))
            errors.Add(FieldError.Invalid(path, port, Range));
    }

    /// <summary>The rule that a port name violates; null for a valid name.</summary>
    public static string? BrokenName(string name) =>
        name switch
        {
            { Length: > 15 } => "must be no more than 15 characters",
            _ when !name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-') =>
                "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
            _ when !name.Any(char.IsAsciiLetterLower) => "must contain at least one letter (a-z)",
            _ when name.Contains("--", StringComparison.Ordinal) => "must not contain consecutive hyphens",
            _ when name[0] == '-' || name[^1] == '-' => "must not begin or end with a hyphen",
            _ => null,
        };

    private static bool IsNumber(JsonNode? port) =>
        port is JsonValue value
        && value.GetValueKind() == JsonValueKind.Number
        && new JsonObject { ["port"] = value.DeepClone() }.Integer("port") is >= 1 and <= 65535;
}
