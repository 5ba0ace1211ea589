using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Validation;

namespace Serving.Api.Defaults;

/// <summary>Defaults of Revisions and their templates. Idempotent.</summary>
public static class RevisionDefaults
{
    /// <summary>Applies the defaults of a Revision. An existing one is left unchanged: it is immutable.</summary>
    public static Revision Apply(Revision value, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);

        // A standalone Revision has no parent, so the templates of container names get empty metadata.
        return context.IsUpdate ? value : value with { Spec = Apply(value.Spec, new ObjectMeta(), context) };
    }

    /// <summary>Applies the defaults of a Revision's specification.</summary>
    /// <param name="spec">The specification.</param>
    /// <param name="parent">Metadata of the owning object: the data of container name templates.</param>
    /// <param name="context">The configuration, and whether the object is new.</param>
    public static RevisionSpec Apply(RevisionSpec spec, ObjectMeta parent, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(spec);
        ArgumentNullException.ThrowIfNull(context);
        var defaults = context.Config.Defaults;
        var timeout = spec.TimeoutSeconds is null or 0 ? defaults.RevisionTimeoutSeconds : spec.TimeoutSeconds.Value;

        var taken = spec.Containers.Concat(spec.InitContainers).Select(c => c.Name).ToHashSet(StringComparer.Ordinal);
        var containers = ContainerDefaults.Name(spec.Containers, taken, defaults.UserContainerName(parent));
        var initContainers = ContainerDefaults.Name(spec.InitContainers, taken, defaults.InitContainerName(parent));
        var secure = context.Config.Features.SecurePodDefaults;
        return spec with
        {
            TimeoutSeconds = timeout,
            IdleTimeoutSeconds = spec.IdleTimeoutSeconds ?? Within(defaults.RevisionIdleTimeoutSeconds, timeout),
            ResponseStartTimeoutSeconds = spec.ResponseStartTimeoutSeconds ?? Within(defaults.RevisionResponseStartTimeoutSeconds, timeout),
            ContainerConcurrency = spec.ContainerConcurrency ?? defaults.ContainerConcurrency,
            EnableServiceLinks =
                spec.EnableServiceLinks
                ?? (context.Operation == AdmissionOperation.Create && containers.Count > 0 ? defaults.EnableServiceLinks : null),
            Containers = [.. containers.Select(c => ContainerDefaults.Secure(ContainerDefaults.Complete(c, spec, defaults), spec, secure))],
            InitContainers =
            [
                .. initContainers.Select(c => ContainerDefaults.Secure(c with { Resources = c.Resources ?? new() }, spec, secure)),
            ],
        };
    }

    // A default that is not below the request timeout would have no effect, and 0 means none.
    private static long? Within(long value, long timeout) => value != 0 && value < timeout ? value : null;
}
