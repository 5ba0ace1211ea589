namespace Serving.Kubernetes.StorageVersions;

/// <summary>The result of migrating one kind.</summary>
/// <param name="Definition">The CustomResourceDefinition, such as <c>services.serving.knative.dev</c>.</param>
/// <param name="StorageVersion">The version in which objects are stored now.</param>
/// <param name="StoredBefore">The versions in which objects might have been stored.</param>
public sealed record StorageMigration(string Definition, string StorageVersion, IReadOnlyList<string> StoredBefore)
{
    /// <summary>Number of objects stored in <see cref="StorageVersion"/> because we, or another writer, wrote them.</summary>
    public int Rewritten { get; init; }

    /// <summary>Number of objects that were deleted before they were rewritten.</summary>
    public int Gone { get; init; }

    /// <summary>Objects that the server rejected, each with its reason. While there are any, the old versions stay recorded.</summary>
    public IReadOnlyList<string> Refused { get; init; } = [];

    /// <summary>Whether no object is stored in another version any more.</summary>
    public bool IsComplete => Refused.Count == 0;
}
