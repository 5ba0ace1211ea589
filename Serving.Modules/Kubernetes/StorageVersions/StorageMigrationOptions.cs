namespace Serving.Kubernetes.StorageVersions;

/// <summary>Options of a storage version migration.</summary>
public sealed record StorageMigrationOptions
{
    /// <summary>Whether this is a dry run: admission and validation see every rewrite, but nothing is stored.</summary>
    public bool DryRun { get; init; }

    /// <summary>Page size of lists.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>Number of concurrent rewrites.</summary>
    public int Concurrency { get; init; } = 8;

    /// <summary>How often the objects of one kind are listed again from the start when the continue token has expired.</summary>
    public int Restarts { get; init; } = 5;

    /// <summary>How many rejected objects of one kind are recorded before the migration of the kind ends.</summary>
    public int MaxRefusals { get; init; } = 20;
}
