using Serving.Api;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// The name of a child is taken by an object that the owner does not control. The owner is retried as soon as that object changes or is
/// deleted (<see cref="ReconcileLoop"/>).
/// </summary>
public sealed class NotOwnedException : ChildException
{
    /// <param name="message">Names the owner and the object.</param>
    /// <param name="kind">The kind of the object.</param>
    /// <param name="key">The namespace and name of the object.</param>
    /// <param name="holder">A sentence that names the object's controller.</param>
    public NotOwnedException(string message, string kind, ObjectKey key, string holder)
        : base(kind, key, holder.Length > 0 ? $"{message}. {holder}" : message) => Holder = holder;

    /// <summary>A sentence that names the object's controller; it ends with a full stop.</summary>
    public string Holder { get; }

    /// <summary>Creates the exception for <paramref name="existing"/>, which has the name of a child of <paramref name="owner"/>.</summary>
    public static NotOwnedException Of(IKubernetesObject owner, string kind, IKubernetesObject existing)
    {
        ArgumentNullException.ThrowIfNull(owner);
        ArgumentNullException.ThrowIfNull(existing);
        return new NotOwnedException(Words(owner, kind, existing.Metadata.Name), kind, ObjectKey.Of(existing), HolderOf(owner, existing));
    }

    /// <summary>Knative's text for each kind of owner, which clients know from its events.</summary>
    private static string Words(IKubernetesObject owner, string kind, string name) =>
        owner.Kind switch
        {
            "ServerlessService" => $"SKS: {owner.Metadata.Name} does not own {kind}: {name}",
            "PodAutoscaler" => $"PA: {owner.Metadata.Name} does not own {kind}: {name}",
            "Service" => $"service: \"{owner.Metadata.Name}\" does not own {kind.ToLowerInvariant()}: \"{name}\"",
            _ when kind == "Certificate" =>
                $"notowned: owner: {owner.Metadata.Name} with Type *{VersionOf(owner)}.{owner.Kind} does not own Certificate: \"{name}\"",
            _ => $"{owner.Kind.ToLowerInvariant()}: \"{owner.Metadata.Name}\" does not own {kind}: \"{name}\"",
        };

    private static string HolderOf(IKubernetesObject owner, IKubernetesObject existing)
    {
        var controller = existing.Metadata.OwnerReferences.FirstOrDefault(static reference => reference.Controller == true);
        return controller is null ? "Nothing controls it: delete it, or choose another name."
            : controller.Kind == owner.Kind && controller.Name == owner.Metadata.Name
                ? $"It belongs to the previous {controller.Kind} \"{controller.Name}\", and is deleted with it."
            : $"It belongs to {controller.Kind} \"{controller.Name}\": choose another name, or delete that one.";
    }

    private static string VersionOf(IKubernetesObject value) =>
        value.ApiVersion[(value.ApiVersion.IndexOf('/', StringComparison.Ordinal) + 1)..];
}
