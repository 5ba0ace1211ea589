using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.WellKnown;

namespace Serving.Api.Validation;

/// <summary>The role of a container.</summary>
internal enum ContainerRole
{
    /// <summary>The only container.</summary>
    Only,

    /// <summary>The serving container, among several.</summary>
    User,

    /// <summary>A sidecar of the serving container.</summary>
    Sidecar,

    /// <summary>An init container.</summary>
    Init,
}

/// <summary>What the validation of a container needs in addition to the container.</summary>
internal sealed record ContainerScope(ContainerRole Role, IReadOnlyDictionary<string, Volume> Volumes, FeaturesConfig Features);

/// <summary>Validates containers; paths are relative to the container.</summary>
internal static class ContainerValidation
{
    private static readonly string[] ReservedVariables = ["PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION"];

    private static readonly int[] ReservedPorts =
    [
        NetworkingKeys.QueueHttpPort,
        NetworkingKeys.QueueHttp2Port,
        NetworkingKeys.QueueAdminPort,
        NetworkingKeys.AutoscalingMetricsPort,
        NetworkingKeys.UserMetricsPort,
        NetworkingKeys.ProfilingPort,
    ];

    private static readonly string[] OpenFields =
    [
        "name",
        "args",
        "command",
        "env",
        "workingDir",
        "envFrom",
        "image",
        "imagePullPolicy",
        "livenessProbe",
        "ports",
        "readinessProbe",
        "resources",
        "securityContext",
        "startupProbe",
        "terminationMessagePath",
        "terminationMessagePolicy",
        "volumeMounts",
    ];

    /// <summary>Validates the serving container.</summary>
    public static FieldError User(Container container, ContainerPort port, ContainerScope scope) =>
        ProbeValidation.Check(container.LivenessProbe, port).Via("livenessProbe")
        + ProbeValidation.CheckReadiness(container.ReadinessProbe, port).Via("readinessProbe")
        + ProbeValidation.Check(container.StartupProbe, port).Via("startupProbe")
        + Common(container, scope);

    /// <summary>Validates a sidecar, which has no port.</summary>
    public static FieldError Sidecar(Container container, ContainerScope scope) =>
        (
            scope.Features.MultiContainerProbing == FeatureFlag.Enabled
                ? ProbeValidation.Check(container.LivenessProbe, null).Via("livenessProbe")
                    + ProbeValidation.CheckReadiness(container.ReadinessProbe, null).Via("readinessProbe")
                    + ProbeValidation.Check(container.StartupProbe, null).Via("startupProbe")
                : ProbeValidation.CheckAbsent(container.LivenessProbe).Via("livenessProbe")
                    + ProbeValidation.CheckAbsent(container.ReadinessProbe).Via("readinessProbe")
                    + ProbeValidation.CheckAbsent(container.StartupProbe).Via("startupProbe")
        ) + Common(container, scope);

    /// <summary>Validates an init container.</summary>
    public static FieldError Init(Container container, ContainerScope scope)
    {
        (bool IsSet, string Field)[] refused =
        [
            (container.LivenessProbe is not null, "livenessProbe"),
            (container.ReadinessProbe is not null, "readinessProbe"),
            (container.StartupProbe is not null, "startupProbe"),
            (container.Lifecycle is not null, "lifecycle"),
        ];
        return refused
                .Where(r => r.IsSet)
                .Aggregate(FieldError.None, (errors, r) => errors + FieldError.Generic("field not allowed in an init container", r.Field))
            + Common(container, scope);
    }

    private static FieldError Common(Container container, ContainerScope scope)
    {
        if (!FieldMask.SetFields(container).Any(f => f != "resources" || FieldMask.SetFields(container.Resources!).Any()))
        {
            return FieldError.Missing("");
        }

        var errors = FieldMask.Check(container, OpenFields);
        if (container.Name == ContainerNames.QueueProxy)
        {
            errors += FieldError.Generic($"{GoText.Quote(container.Name)} is a reserved container name", "name");
        }

        errors += PodSpecValidation.Each(container.Env, e => Variable(e, scope), "env") + Sources(container.EnvFrom).Via("envFrom");
        errors +=
            container.Image.Length == 0 ? FieldError.Missing("image")
            : ImageReference.IsValid(container.Image) ? FieldError.None
            : FieldError.WithDetails(
                "Failed to parse image reference",
                $"image: {GoText.Quote(container.Image)}, error: could not parse reference: {container.Image}",
                "image"
            );
        errors += (scope.Role == ContainerRole.Init ? InitPorts(container.Ports) : Ports(container.Ports)).Via("ports");
        errors += FieldMask.Check(container.Resources, "limits", "requests").Via("resources");
        errors += SecurityValidation.Container(container.SecurityContext, scope.Features).Via("securityContext");
        if (container.TerminationMessagePolicy is not ("" or "File" or "FallbackToLogsOnError"))
        {
            errors += FieldError.Invalid(container.TerminationMessagePolicy, "terminationMessagePolicy");
        }

        return errors + VolumeValidation.Mounts(container.VolumeMounts, scope.Volumes, scope.Features).Via("volumeMounts");
    }

    private static FieldError Variable(EnvVar variable, ContainerScope scope)
    {
        // Only the serving container gets the variable PORT.
        var reserved = scope.Role is ContainerRole.Sidecar or ContainerRole.Init ? ReservedVariables.Skip(1) : ReservedVariables;
        var errors = FieldMask.Check(variable, "name", "value", "valueFrom");
        errors +=
            variable.Name.Length == 0 ? FieldError.Missing("name")
            : reserved.Contains(variable.Name)
                ? FieldError.Generic($"{GoText.Quote(variable.Name)} is a reserved environment variable", "name")
            : FieldError.None;
        IEnumerable<string> open =
            scope.Features.PodSpecFieldRef == FeatureFlag.Disabled
                ? ["configMapKeyRef", "secretKeyRef"]
                : ["configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef"];
        return errors + FieldMask.Check(variable.ValueFrom, open).Via("valueFrom");
    }

    private static FieldError Sources(IReadOnlyList<EnvFromSource> sources)
    {
        var errors = FieldError.None;
        var prefixes = 0;
        for (var i = 0; i < sources.Count; i++)
        {
            // Each prefix lengthens every previous path; further errors are reported once these are fixed.
            if (!errors.IsEmpty && ++prefixes > PodSpecValidation.MostPrefixes)
                break;
            var source = sources[i];
            errors += FieldMask.Check(source, "prefix", "configMapRef", "secretRef").ViaIndex(i);

            // The reference adds the path of a source to all previous errors, and none to the following ones: clients match on the text as
            // it is.
            if (source.SecretRef is not null)
            {
                errors = (errors + FieldMask.Check(source.SecretRef, "name", "optional")).ViaIndex("secretRef", i);
            }

            if (source.ConfigMapRef is not null)
            {
                errors = (errors + FieldMask.Check(source.ConfigMapRef, "name", "optional")).ViaIndex("configMapRef", i);
            }

            errors += (source.ConfigMapRef, source.SecretRef) switch
            {
                (not null, not null) => FieldError.MultipleOneOf("configMapRef", "secretRef"),
                (null, null) => FieldError.MissingOneOf("configMapRef", "secretRef"),
                _ => FieldError.None,
            };
        }

        return errors;
    }

    private static FieldError Ports(IReadOnlyList<ContainerPort> ports)
    {
        if (ports.Count == 0)
        {
            return FieldError.None;
        }

        var port = ports[0];
        var errors = Port(port);
        if (port.Protocol is not ("" or "TCP"))
        {
            errors += FieldError.Invalid(port.Protocol, "protocol");
        }

        return port.Name is "" or NetworkingKeys.ProtocolH2C or NetworkingKeys.ProtocolHttp1
            ? errors
            : errors + FieldError.WithDetails($"Port name {port.Name} is not allowed", "Name must be empty, or one of: 'h2c', 'http1'", "");
    }

    private static FieldError InitPorts(IReadOnlyList<ContainerPort> ports) =>
        ports.Aggregate(FieldError.None, (errors, port) => errors + Port(port));

    private static FieldError Port(ContainerPort port)
    {
        var errors = FieldMask.Check(port, "containerPort", "name", "protocol");
        if (ReservedPorts.Contains(port.Number))
        {
            errors += FieldError.Invalid(
                $"{port.Number} is a reserved port",
                "containerPort",
                $"{port.Number} is a reserved port, please use a different value"
            );
        }

        return port.Number is < 0 or > 65535 ? errors + FieldError.OutOfBounds(port.Number, 0, 65535, "containerPort") : errors;
    }
}
