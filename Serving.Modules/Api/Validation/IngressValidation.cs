using Serving.Api.Core;
using Serving.Api.Networking;

namespace Serving.Api.Validation;

/// <summary>Validates Ingresses.</summary>
public static class IngressValidation
{
    /// <summary>Validates an Ingress.</summary>
    public static FieldError Validate(Ingress value, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        return context.IsStatusUpdate ? FieldError.None : Spec(value.Spec, value.Metadata.Namespace).Via("spec");
    }

    private static FieldError Spec(IngressSpec spec, string ns) =>
        ApiEquality.Same(spec, new())
            ? FieldError.Missing("")
            : (spec.Rules.Count == 0 ? FieldError.Missing("rules") : FieldError.None)
                + PodSpecValidation.Each(spec.Rules, r => Rule(r, ns), "rules")
                + PodSpecValidation.Each(spec.Tls, Tls, "tls")
                + (
                    spec.HttpOption is "" or "Enabled" or "Redirected" ? FieldError.None : FieldError.Invalid(spec.HttpOption, "httpOption")
                );

    private static FieldError Rule(IngressRule rule, string ns) =>
        ApiEquality.Same(rule, new()) ? FieldError.Missing("")
        : rule.Http is null ? FieldError.Missing("http")
        : rule.Http.Paths.Count == 0 ? FieldError.Missing("http.paths")
        : PodSpecValidation.Each(rule.Http.Paths, p => Path(p, ns), "paths").Via("http");

    private static FieldError Path(HttpIngressPath path, string ns)
    {
        if (ApiEquality.Same(path, new()))
        {
            return FieldError.Missing("");
        }

        if (path.Splits.Count == 0)
        {
            return FieldError.Missing("splits");
        }

        for (var i = 0; i < path.Splits.Count; i++)
        {
            if (Split(path.Splits[i], ns) is { IsEmpty: false } wrong)
            {
                return wrong.ViaIndex("splits", i);
            }
        }

        // A single backend may omit its share.
        var total = path.Splits.Sum(s => s.Percent);
        return total == 100 || (path.Splits.Count == 1 && total == 0)
            ? FieldError.None
            : FieldError.Generic($"traffic split percentage must total to 100, but was {total}", "splits");
    }

    private static FieldError Split(IngressBackendSplit split, string ns)
    {
        if (split.ServiceName.Length == 0 && split.ServiceNamespace.Length == 0 && split.ServicePort == default)
        {
            return split.Percent is < 0 or > 100
                ? FieldError.Invalid(split.Percent, "percent") + FieldError.Missing("")
                : FieldError.Missing("");
        }

        var errors = split.Percent is < 0 or > 100 ? FieldError.Invalid(split.Percent, "percent") : FieldError.None;
        errors +=
            split.ServiceNamespace.Length == 0 ? FieldError.Missing("serviceNamespace")
            : split.ServiceNamespace != ns ? FieldError.Generic("service namespace must match ingress namespace", "serviceNamespace")
            : FieldError.None;
        errors += split.ServiceName.Length == 0 ? FieldError.Missing("serviceName") : FieldError.None;
        return split.ServicePort == default(IntOrString) ? errors + FieldError.Missing("servicePort") : errors;
    }

    private static FieldError Tls(IngressTls tls) =>
        ApiEquality.Same(tls, new())
            ? FieldError.Missing("")
            : (tls.SecretName.Length == 0 ? FieldError.Missing("secretName") : FieldError.None)
                + (tls.SecretNamespace.Length == 0 ? FieldError.Missing("secretNamespace") : FieldError.None);
}
