using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>Validates the rollout strategy of a Deployment, so that the controller can rely on its bounds.</summary>
internal static class RolloutValidation
{
    private const string Percent =
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

    public static void Check(JsonObject spec, List<FieldError> errors)
    {
        var ready = spec.Integer("minReadySeconds") ?? 0;
        foreach (var name in (string[])["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"])
        {
            if (spec.Integer(name) is < 0)
                errors.Add(FieldError.Invalid($"spec.{name}", spec[name], "must be greater than or equal to 0"));
        }

        if (spec.Integer("progressDeadlineSeconds") is { } deadline and >= 0 && deadline <= ready)
            errors.Add(
                FieldError.Invalid("spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"], "must be greater than minReadySeconds")
            );
        if (spec.Object("strategy") is not { } strategy)
            return;
        switch (strategy.String("type"))
        {
            case "Recreate":
                if (strategy["rollingUpdate"] is not null)
                    errors.Add(
                        FieldError.Forbidden("spec.strategy.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
                    );
                break;
            case "RollingUpdate":
                Bounds(strategy.Object("rollingUpdate") ?? [], errors);
                break;
            default:
                errors.Add(FieldError.NotSupported("spec.strategy.type", strategy["type"], ["Recreate", "RollingUpdate"]));
                break;
        }
    }

    private static void Bounds(JsonObject rolling, List<FieldError> errors)
    {
        const string path = "spec.strategy.rollingUpdate";
        var unavailable = Amount(rolling, "maxUnavailable", path, errors);
        var surge = Amount(rolling, "maxSurge", path, errors);
        if (unavailable == 0 && surge == 0)
            errors.Add(FieldError.Invalid($"{path}.maxUnavailable", rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0"));
        if (unavailable > 100 && rolling["maxUnavailable"]!.GetValueKind() == JsonValueKind.String)
            errors.Add(FieldError.Invalid($"{path}.maxUnavailable", rolling["maxUnavailable"], "must not be greater than 100%"));
    }

    // The value of a count or percentage; null when it is missing or neither of them.
    private static long? Amount(JsonObject rolling, string name, string path, List<FieldError> errors)
    {
        if (rolling[name] is not { } bound)
            return null;
        if (bound.GetValueKind() == JsonValueKind.String)
        {
            if (
                bound.GetValue<string>() is [.., '%'] text
                && int.TryParse(text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var percent)
            )
                return percent;
            errors.Add(FieldError.Invalid($"{path}.{name}", bound, Percent));
            return null;
        }

        if (rolling.Integer(name) is { } count and >= 0)
            return count;
        errors.Add(FieldError.Invalid($"{path}.{name}", bound, "must be greater than or equal to 0"));
        return null;
    }
}
