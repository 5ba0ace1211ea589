namespace Serving.Kubernetes.StorageVersions;

/// <summary>What became of the stored objects of one kind.</summary>
/// <param name="Definition">The CustomResourceDefinition, as <c>services.serving.knative.dev</c>.</param>
/// <param name="StorageVersion">The version objects are stored in now.</param>
/// <param name="StoredBefore">The versions that objects might have been stored in.</param>
public sealed record StorageMigration(string Definition, string StorageVersion, IReadOnlyList<string> StoredBefore)
{
    /// <summary>Objects that are stored in <see cref="StorageVersion"/> now because we, or somebody else meanwhile, wrote them.</summary>
    public int Rewritten { get; init; }

    /// <summary>Objects that were deleted before we came to them.</summary>
    public int Gone { get; init; }

    /// <summary>Objects that the server would not write, each with its reason. While there are any, the old versions stay
    /// recorded.</summary>
    public IReadOnlyList<string> Refused { get; init; } = [];

    /// <summary>Whether no object can be stored in another version any more.</summary>
    public bool IsComplete => Refused.Count == 0;
}
