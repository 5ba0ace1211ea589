using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>Validates a container's probes and hooks: exactly one valid handler, and values in range.</summary>
internal static class ProbeRules
{
    private static readonly string[] Probes = ["livenessProbe", "readinessProbe", "startupProbe"];
    private static readonly string[] ProbeHandlers = ["exec", "httpGet", "tcpSocket", "grpc"];
    private static readonly string[] HookHandlers = ["exec", "httpGet", "tcpSocket", "sleep"];
    private static readonly string[] Schemes = ["HTTP", "HTTPS"];

    /// <param name="container">The container.</param>
    /// <param name="endsBeforeOthers">Whether it is an init container that runs to completion: it may have neither probes nor
    /// hooks.</param>
    /// <param name="path">Its path in the document.</param>
    /// <param name="errors">The list to which errors are added.</param>
    public static void Check(JsonNode? container, bool endsBeforeOthers, string path, List<FieldError> errors)
    {
        if (endsBeforeOthers)
        {
            foreach (var name in Probes.Append("lifecycle").Where(name => container.Object(name) is not null))
                errors.Add(FieldError.Forbidden($"{path}.{name}", "may not be set for init containers without restartPolicy=Always"));
            return;
        }

        foreach (var name in Probes)
        {
            if (container.Object(name) is { } probe)
                Probe(probe, name, $"{path}.{name}", errors);
        }

        foreach (var name in (string[])["postStart", "preStop"])
        {
            if (container.Object("lifecycle", name) is { } hook)
                Handler(hook, HookHandlers, $"{path}.lifecycle.{name}", errors);
        }
    }

    private static void Probe(JsonObject probe, string name, string path, List<FieldError> errors)
    {
        Handler(probe, ProbeHandlers, path, errors);
        foreach (var field in (string[])["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"])
        {
            if (probe.Integer(field) is < 0)
                errors.Add(FieldError.Invalid($"{path}.{field}", probe[field], "must be greater than or equal to 0"));
        }

        if (name != "readinessProbe" && probe.Integer("successThreshold") is not (null or 1))
            errors.Add(FieldError.Invalid($"{path}.successThreshold", probe["successThreshold"], "must be 1"));
        if (probe.Integer("terminationGracePeriodSeconds") is { } grace)
        {
            if (name == "readinessProbe")
                errors.Add(
                    FieldError.Invalid(
                        $"{path}.terminationGracePeriodSeconds",
                        probe["terminationGracePeriodSeconds"],
                        "must not be set for readinessProbes"
                    )
                );
            else if (grace <= 0)
                errors.Add(
                    FieldError.Invalid(
                        $"{path}.terminationGracePeriodSeconds",
                        probe["terminationGracePeriodSeconds"],
                        "must be greater than 0"
                    )
                );
        }
    }

    private static void Handler(JsonObject owner, string[] kinds, string path, List<FieldError> errors)
    {
        var given = kinds.Where(kind => owner.Object(kind) is not null).ToList();
        if (given.Count == 0)
            errors.Add(FieldError.Required(path, "must specify a handler type"));
        foreach (var surplus in given.Skip(1))
            errors.Add(FieldError.Forbidden($"{path}.{surplus}", "may not specify more than 1 handler type"));
        if (given.Count == 0)
            return;

        var handler = owner.Object(given[0])!;
        var here = $"{path}.{given[0]}";
        switch (given[0])
        {
            case "exec" when handler.Array("command") is not { Count: > 0 }:
                errors.Add(FieldError.Required($"{here}.command"));
                break;
            case "httpGet":
                if (string.IsNullOrEmpty(handler.String("path")))
                    errors.Add(FieldError.Required($"{here}.path"));
                if (handler.String("scheme") is { } scheme && !Schemes.Contains(scheme))
                    errors.Add(FieldError.NotSupported($"{here}.scheme", scheme, Schemes));
                PortRules.NumberOrName(handler["port"], $"{here}.port", errors);
                break;
            case "tcpSocket" or "grpc":
                PortRules.NumberOrName(handler["port"], $"{here}.port", errors);
                break;
            case "sleep" when handler.Integer("seconds") is < 0:
                errors.Add(FieldError.Invalid($"{here}.seconds", handler["seconds"], "must be greater than or equal to 0"));
                break;
        }
    }
}
