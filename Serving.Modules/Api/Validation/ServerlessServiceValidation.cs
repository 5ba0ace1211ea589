using Serving.Api.Networking;

namespace Serving.Api.Validation;

/// <summary>Validates ServerlessServices.</summary>
public static class ServerlessServiceValidation
{
    /// <summary>Validates a ServerlessService.</summary>
    public static FieldError Validate(ServerlessService value, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        return context.IsStatusUpdate
            ? FieldError.None
            : MetadataValidation.Networking(value.Metadata.Annotations).Via("annotations") + Spec(value.Spec).Via("spec");
    }

    private static FieldError Spec(ServerlessServiceSpec spec) =>
        ApiEquality.Same(spec, new())
            ? FieldError.Missing("")
            : Mode(spec.Mode)
                + (spec.NumActivators < 0 ? FieldError.Invalid(spec.NumActivators, "numActivators") : FieldError.None)
                + ReferenceValidation.Check(spec.ObjectRef).Via("objectRef")
                + ReferenceValidation.Protocol(spec.ProtocolType).Via("protocolType");

    private static FieldError Mode(string mode) =>
        mode switch
        {
            "Serve" or "Proxy" => FieldError.None,
            "" => FieldError.Missing("mode"),
            _ => FieldError.Invalid(mode, "mode"),
        };
}
