using Serving.Api.Core;
using Serving.Api.WellKnown;

namespace Serving.Api.Validation;

/// <summary>Validates parts of several internal kinds: references within the namespace, and protocols.</summary>
internal static class ReferenceValidation
{
    /// <summary>A reference by apiVersion, kind and name only.</summary>
    public static FieldError Check(ObjectReference reference) =>
        FieldMask.Check(reference, "apiVersion", "kind", "name")
        + Part(reference.ApiVersion, "apiVersion", Names.Qualified)
        + Part(reference.Kind, "kind", Names.CIdentifier)
        + Part(reference.Name, "name", Names.Dns1123Label);

    /// <summary>The protocol of a program.</summary>
    public static FieldError Protocol(string protocol) =>
        protocol switch
        {
            NetworkingKeys.ProtocolHttp1 or NetworkingKeys.ProtocolH2C => FieldError.None,
            "" => FieldError.Missing(""),
            _ => FieldError.Invalid(protocol, ""),
        };

    private static FieldError Part(string value, string field, Func<string, IReadOnlyList<string>> check) =>
        value.Length == 0 ? FieldError.Missing(field)
        : check(value) is { Count: > 0 } wrong ? FieldError.Invalid(string.Join(", ", wrong), field)
        : FieldError.None;
}
