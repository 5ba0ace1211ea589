using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Reconcilers;

/// <summary>One reconciler that has come to rest over a cluster in memory.</summary>
/// <param name="Reconciler">The reconciler.</param>
/// <param name="Cluster">What it reads and writes.</param>
/// <param name="Events">What it records.</param>
/// <param name="Owner">The object that it reconciles.</param>
/// <param name="Child">A child of that; null when it has none.</param>
internal sealed record ReconcilerCase(
    IReconciler Reconciler,
    InMemoryCluster Cluster,
    IEventRecorder Events,
    ICaseObject Owner,
    ICaseObject? Child = null
);

/// <summary>An object of a case, whatever its kind.</summary>
internal interface ICaseObject
{
    ObjectKey Key { get; }
    string Plural { get; }

    /// <summary>The object as stored, or null.</summary>
    IKubernetesObject? Find(InMemoryCluster cluster);

    /// <summary>The status as stored.</summary>
    KnativeStatus Status(InMemoryCluster cluster);

    /// <summary>Stores it with another generation, as when somebody changed its specification.</summary>
    void Renew(InMemoryCluster cluster);

    /// <summary>Takes it out of the store, if it is there.</summary>
    Task DeleteAsync(InMemoryCluster cluster);

    /// <summary>Gives it to somebody else; one that is not there is like the others of its kind.</summary>
    void GiveAway(InMemoryCluster cluster);
}

/// <summary>An object of a case.</summary>
/// <param name="type">Its kind.</param>
/// <param name="ns">Its namespace; empty when it has none.</param>
/// <param name="name">Its name.</param>
internal sealed class CaseObject<T>(ResourceType<T> type, string ns, string name) : ICaseObject
    where T : class, IKubernetesObject
{
    public ObjectKey Key => new(ns, name);

    public string Plural => type.Plural;

    public IKubernetesObject? Find(InMemoryCluster cluster) => cluster.Find(type, ns, name);

    public KnativeStatus Status(InMemoryCluster cluster) =>
        (KnativeStatus)typeof(T).GetProperty("Status")!.GetValue(cluster.Find(type, ns, name))!;

    public void Renew(InMemoryCluster cluster) =>
        Change(cluster, static metadata => metadata["generation"] = ((long?)metadata["generation"] ?? 0) + 1);

    public async Task DeleteAsync(InMemoryCluster cluster) =>
        await ChildObjects.DeleteAsync(cluster, type, ns.Length > 0 ? ns : null, name, CancellationToken.None);

    public void GiveAway(InMemoryCluster cluster) =>
        Change(
            cluster,
            static metadata =>
                metadata["ownerReferences"] = JsonNode.Parse(
                    """[{"apiVersion":"example.com/v1","kind":"Other","name":"somebody-else","uid":"other","controller":true}]"""
                )
        );

    private void Change(InMemoryCluster cluster, Action<JsonObject> change)
    {
        var document = JsonSerializer.SerializeToNode(cluster.Find(type, ns, name) ?? cluster.All(type, ns)[0], type.Json)!;
        document["metadata"]!["name"] = name;
        change(document["metadata"]!.AsObject());
        cluster.Put(type, document.Deserialize(type.Json)!);
    }
}
