using Serving.Api;
using Serving.Api.Core;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>Who owns an object.</summary>
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

    /// <summary>The reference of whoever controls the object, or null.</summary>
    public static OwnerReference? ControllerOf(IKubernetesObject value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return value.Metadata.OwnerReferences.FirstOrDefault(static reference => reference.Controller == true);
    }

    /// <summary>Whether <paramref name="owner"/> controls <paramref name="value"/>: by its uid, so an owner of the same name that was there
    /// before does not.</summary>
    public static bool IsControlledBy(this IKubernetesObject value, IKubernetesObject owner)
    {
        ArgumentNullException.ThrowIfNull(owner);
        return ControllerOf(value)?.Uid == owner.Metadata.Uid;
    }
}
