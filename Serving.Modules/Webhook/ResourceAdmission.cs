using System.Text.Json;
using Serving.Api.Config;
using Serving.Api.Validation;

namespace Serving.Webhook;

/// <summary>Handles reviews of our own kinds. Pure: the same request and configuration give the same response.</summary>
internal static class ResourceAdmission
{
    private const string MissingObject = "the new object may not be nil";

    /// <summary>Defaults an object: the response contains the patch.</summary>
    public static AdmissionAnswer Default(AdmissionRequest request, ConfigSnapshot config, string clusterDomain)
    {
        if (request.Operation is not (AdmissionOperations.Create or AdmissionOperations.Update))
        {
            return AdmissionAnswer.Allowed;
        }

        if (AdmittedKinds.Find(request.Kind) is not { } kind)
        {
            return AdmissionAnswer.Refused($"mutation failed: unhandled kind: {request.Kind}");
        }

        if (request.Object is not { } value)
        {
            return AdmissionAnswer.Refused($"mutation failed: {MissingObject}");
        }

        // A status update cannot change what defaults apply to.
        if (request.Subresource.Length > 0)
        {
            return AdmissionAnswer.Allowed;
        }

        try
        {
            var result = kind.Default(value, request.OldObject, Context(request, config, clusterDomain));
            return new AdmissionAnswer(null, JsonPatchDocument.Between(value, result), []);
        }
        catch (JsonException error)
        {
            return AdmissionAnswer.Refused($"mutation failed: {error.Message}");
        }
    }

    /// <summary>Validates an object.</summary>
    public static AdmissionAnswer Validate(AdmissionRequest request, ConfigSnapshot config, string clusterDomain)
    {
        if (AdmittedKinds.Find(request.Kind) is not { } kind)
        {
            return AdmissionAnswer.Refused($"decoding request failed: unhandled kind: {request.Kind}");
        }

        if (request.Operation is not (AdmissionOperations.Create or AdmissionOperations.Update))
        {
            return AdmissionAnswer.Allowed;
        }

        if (request.Object is not { } value)
        {
            return AdmissionAnswer.Refused($"validation failed: {MissingObject}");
        }

        FieldError result;
        try
        {
            result = kind.Validate(value, request.OldObject, Context(request, config, clusterDomain));
        }
        catch (JsonException error)
        {
            return AdmissionAnswer.Refused($"decoding request failed: {error.Message}");
        }

        // A warning with a line break would be dropped on its way to the client.
        string[] warnings = [.. result.Only(FieldErrorLevel.Warning).Findings.SelectMany(f => f.ToString().Split('\n'))];
        var errors = result.Only(FieldErrorLevel.Error);
        return new AdmissionAnswer(errors.IsEmpty ? null : $"validation failed: {errors}", null, warnings);
    }

    private static AdmissionContext Context(AdmissionRequest request, ConfigSnapshot config, string clusterDomain) =>
        new(config, request.Operation == AdmissionOperations.Update ? AdmissionOperation.Update : AdmissionOperation.Create)
        {
            Subresource = request.Subresource,
            UserName = request.UserName,
            ClusterDomain = clusterDomain,
        };
}
