namespace Serving.Kubernetes.StorageVersions;

/// <summary>How stored objects are rewritten.</summary>
public sealed record StorageMigrationOptions
{
    /// <summary>Whether the server only pretends: admission and validation judge every rewrite, nothing is written.</summary>
    public bool DryRun { get; init; }

    /// <summary>Objects read at once.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>Rewrites under way at once.</summary>
    public int Concurrency { get; init; } = 8;

    /// <summary>How often the objects of one kind are read anew from the start when the server has forgotten the page we were at.</summary>
    public int Restarts { get; init; } = 5;

    /// <summary>How many refused objects of one kind are named before it is given up.</summary>
    public int MaxRefusals { get; init; } = 20;
}
