using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;

namespace Serving.Controller.Common;

/// <summary>One reconcile under way: the object as it was read, and the status as it is becoming.</summary>
internal sealed class Work<T, TStatus>(T resource, TStatus status, IKubernetesClient client, DateTimeOffset now)
    where T : class, IKubernetesObject
    where TStatus : KnativeStatus
{
    /// <summary>The object as it was read, or as it is after its metadata was written.</summary>
    public T Resource { get; private set; } = resource;

    /// <summary>The status that will be written, also when the work fails half-way.</summary>
    public TStatus Status { get; set; } = status;

    /// <summary>The client to write with.</summary>
    public IKubernetesClient Client { get; } = client;

    /// <summary>The time of this reconcile.</summary>
    public DateTimeOffset Now { get; } = now;

    /// <summary>Goes on from the object that a write of its metadata returned, so that the status is not written over an old version.</summary>
    public void GoOnFrom(T newest) => Resource = newest;

    /// <summary>Name and namespace.</summary>
    public ObjectKey Key => ObjectKey.Of(Resource);

    /// <summary>The namespace.</summary>
    public string Namespace => Resource.Metadata.Namespace;

    /// <summary>The name.</summary>
    public string Name => Resource.Metadata.Name;
}
