using System.Text.Json.Nodes;
using Serving.Api.Core;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>Validates ports, environment variables, volume mounts and resources of a container. Probes are validated separately.</summary>
internal static class ContainerRules
{
    public static readonly string[] Protocols = ["SCTP", "TCP", "UDP"];
    private static readonly string[] PullPolicies = ["Always", "IfNotPresent", "Never"];

    /// <param name="container">The container.</param>
    /// <param name="volumes">The names of the pod's volumes.</param>
    /// <param name="path">Its path in the document.</param>
    /// <param name="errors">The list to which errors are added.</param>
    public static void Check(JsonNode? container, IReadOnlySet<string> volumes, string path, List<FieldError> errors)
    {
        Ports(container.Array("ports") ?? [], $"{path}.ports", errors);
        var env = container.Array("env") ?? [];
        for (var i = 0; i < env.Count; i++)
        {
            var name = env[i].String("name") ?? "";
            if (name.Length == 0)
                errors.Add(FieldError.Required($"{path}.env[{i}].name"));
            else if (name.Any(c => c is < ' ' or > '~' or '='))
                errors.Add(
                    FieldError.Invalid(
                        $"{path}.env[{i}].name",
                        name,
                        "a valid environment variable name must consist only of printable ASCII characters other than '='"
                    )
                );
            if (!string.IsNullOrEmpty(env[i].String("value")) && env[i].Object("valueFrom") is not null)
                errors.Add(FieldError.Invalid($"{path}.env[{i}].valueFrom", "", "may not be specified when `value` is not empty"));
        }

        Mounts(container.Array("volumeMounts") ?? [], volumes, $"{path}.volumeMounts", errors);
        Resources(container.Object("resources") ?? [], $"{path}.resources", errors);
        if (container.String("imagePullPolicy") is { } policy && !PullPolicies.Contains(policy))
            errors.Add(FieldError.NotSupported($"{path}.imagePullPolicy", policy, PullPolicies));
    }

    private static void Ports(JsonArray ports, string path, List<FieldError> errors)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < ports.Count; i++)
        {
            if (ports[i].String("name") is { Length: > 0 } name)
            {
                if (PortRules.BrokenName(name) is { } rule)
                    errors.Add(FieldError.Invalid($"{path}[{i}].name", name, rule));
                else if (!seen.Add(name))
                    errors.Add(FieldError.Duplicate($"{path}[{i}].name", name));
            }

            if (ports[i].Integer("containerPort") is null or 0)
                errors.Add(FieldError.Required($"{path}[{i}].containerPort"));
            else if (ports[i].Integer("containerPort") is not (>= 1 and <= 65535))
                errors.Add(
                    FieldError.Invalid($"{path}[{i}].containerPort", ports[i]!["containerPort"], "must be between 1 and 65535, inclusive")
                );
            if (ports[i].Integer("hostPort") is not (null or (>= 0 and <= 65535)))
                PortRules.Number(ports[i]!["hostPort"], $"{path}[{i}].hostPort", errors);
            if (ports[i].String("protocol") is { Length: > 0 } protocol && !Protocols.Contains(protocol))
                errors.Add(FieldError.NotSupported($"{path}[{i}].protocol", protocol, Protocols));
        }
    }

    private static void Mounts(JsonArray mounts, IReadOnlySet<string> volumes, string path, List<FieldError> errors)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < mounts.Count; i++)
        {
            var name = mounts[i].String("name") ?? "";
            if (name.Length == 0)
                errors.Add(FieldError.Required($"{path}[{i}].name"));
            else if (!volumes.Contains(name))
                errors.Add(new FieldError($"{path}[{i}].name", "FieldValueNotFound", $"Not found: \"{name}\""));
            var mountPath = mounts[i].String("mountPath") ?? "";
            if (mountPath.Length == 0)
                errors.Add(FieldError.Required($"{path}[{i}].mountPath"));
            else if (!seen.Add(mountPath))
                errors.Add(FieldError.Invalid($"{path}[{i}].mountPath", mountPath, "must be unique"));
        }
    }

    private static void Resources(JsonObject resources, string path, List<FieldError> errors)
    {
        var limits = resources.Object("limits") ?? [];
        foreach (var list in (string[])["limits", "requests"])
        {
            foreach (var (name, amount) in resources.Object(list) ?? [])
            {
                // Kubernetes clamps larger quantities to the maximum.
                if (amount is null || !new Quantity(amount.ToString()).IsValid)
                    errors.Add(FieldError.Invalid($"{path}.{list}[{name}]", amount, "must be a quantity"));
                else if (!new Quantity(amount.ToString()).TryGetAmount(out var value))
                    continue;
                else if (value < 0)
                    errors.Add(FieldError.Invalid($"{path}.{list}[{name}]", amount, "must be greater than or equal to 0"));
                else if (
                    list == "requests"
                    && limits[name] is { } limit
                    && new Quantity(limit.ToString()).TryGetAmount(out var most)
                    && value > most
                )
                    errors.Add(FieldError.Invalid($"{path}.requests", amount, $"must be less than or equal to {name} limit of {limit}"));
            }
        }
    }
}
