using Serving.Api.Networking;

namespace Serving.Api.Validation;

/// <summary>Validates Certificates.</summary>
public static class CertificateValidation
{
    /// <summary>Validates a Certificate.</summary>
    public static FieldError Validate(Certificate value, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        return context.IsStatusUpdate ? FieldError.None : Spec(value.Spec).Via("spec");
    }

    private static FieldError Spec(CertificateSpec spec)
    {
        var errors = spec.DnsNames.Count == 0 ? FieldError.Missing("dnsNames") : FieldError.None;
        for (var i = 0; i < spec.DnsNames.Count; i++)
        {
            errors += string.IsNullOrEmpty(spec.DnsNames[i]) ? FieldError.Invalid("", "").ViaIndex("dnsNames", i) : FieldError.None;
        }

        errors += spec.SecretName.Length == 0 ? FieldError.Missing("secretName") : FieldError.None;
        return
            spec.Domain.Length > 0
            && spec.DnsNames.Count > 0
            && !spec.DnsNames.Any(n => n == spec.Domain || n.EndsWith("." + spec.Domain, StringComparison.Ordinal))
            ? errors + FieldError.Invalid("domain", "domain must be a suffix of, or match exactly, at least one entry in dnsNames")
            : errors;
    }
}
