using Serving.Api;
using Serving.Api.Core;

namespace Serving.Controller.Common;

/// <summary>Who owns an object.</summary>
internal static class Ownership
{
    /// <summary>A reference by which <paramref name="owner"/> controls a child.</summary>
    public static OwnerReference ControllerReference<T>(ResourceType<T> type, T owner)
        where T : class, IKubernetesObject => new()
        {
            ApiVersion = type.ApiVersion,
            Kind = type.Kind,
            Name = owner.Metadata.Name,
            Uid = owner.Metadata.Uid,
            Controller = true,
            BlockOwnerDeletion = true,
        };

    /// <summary>The reference of whoever controls the object, or null.</summary>
    public static OwnerReference? ControllerOf(IKubernetesObject value) => value.Metadata.OwnerReferences.FirstOrDefault(reference => reference.Controller == true);

    /// <summary>Whether <paramref name="owner"/> controls <paramref name="value"/>.</summary>
    public static bool IsControlledBy(this IKubernetesObject value, IKubernetesObject owner) => ControllerOf(value)?.Uid == owner.Metadata.Uid;
}
