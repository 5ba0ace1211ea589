using Serving.Api;
using Serving.Api.Core;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>Controller references.</summary>
public static class Ownership
{
    /// <summary>A reference by which <paramref name="owner"/> controls a child.</summary>
    public static OwnerReference ControllerReference<T>(ResourceType<T> type, T owner)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(type);
        ArgumentNullException.ThrowIfNull(owner);
        return new OwnerReference
        {
            ApiVersion = type.ApiVersion,
            Kind = type.Kind,
            Name = owner.Metadata.Name,
            Uid = owner.Metadata.Uid,
            Controller = true,
            BlockOwnerDeletion = true,
        };
    }

    /// <summary>The reference to the object's controller, or null.</summary>
    public static OwnerReference? ControllerOf(IKubernetesObject value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value.Metadata.OwnerReferences.FirstOrDefault(static reference => reference.Controller == true);
    }

    /// <summary>Whether <paramref name="owner"/> controls <paramref name="value"/>: compared by uid, so a deleted owner of the same name
    /// does not match.</summary>
    public static bool IsControlledBy(this IKubernetesObject value, IKubernetesObject owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        return ControllerOf(value)?.Uid == owner.Metadata.Uid;
    }
}
