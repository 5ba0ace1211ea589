using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;
using Serving.ConfigMaps;

namespace Serving.Webhook;

/// <summary>Handles reviews of ConfigMaps: rejects invalid ones.</summary>
internal static class ConfigMapAdmission
{
    private static readonly GroupVersionKind ConfigMapKind = new("", "v1", "ConfigMap");

    public static AdmissionAnswer Validate(AdmissionRequest request, string clusterDomain)
    {
        if (request.Operation is not (AdmissionOperations.Create or AdmissionOperations.Update))
        {
            return AdmissionAnswer.Allowed;
        }

        if (request.Kind != ConfigMapKind)
        {
            return AdmissionAnswer.Refused($"validation failed: unhandled kind: {request.Kind}");
        }

        try
        {
            if (request.Object?.Deserialize(Resources.ConfigMaps.Json) is ConfigMap map)
            {
                return AdmissionAnswer.Allowed with { Warnings = KnownConfigMaps.Validate(map, clusterDomain) };
            }

            return AdmissionAnswer.Allowed;
        }
        catch (ConfigMapException wrong)
        {
            return AdmissionAnswer.Refused($"validation failed: {wrong.Explanation}");
        }
        catch (Exception error) when (error is JsonException or FormatException or InvalidOperationException)
        {
            return AdmissionAnswer.Refused($"validation failed: cannot decode incoming new object: {error.Message}");
        }
    }
}
