using Serving.Api;

namespace Serving.Kubernetes;

/// <summary>Namespace and name of an object; the namespace is empty for cluster-scoped ones.</summary>
public readonly record struct ObjectKey(string Namespace, string Name)
{
    /// <summary>The key of <paramref name="value"/>.</summary>
    public static ObjectKey Of(IKubernetesObject value) => new(value.Metadata.Namespace, value.Metadata.Name);

    /// <summary><c>namespace/name</c>, or only the name for an object without a namespace.</summary>
    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}/{Name}";
}
