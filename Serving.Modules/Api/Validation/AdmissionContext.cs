using Serving.Api.Config;

namespace Serving.Api.Validation;

/// <summary>The operation under admission.</summary>
public enum AdmissionOperation
{
    /// <summary>The object is created.</summary>
    Create,

    /// <summary>The object is updated.</summary>
    Update,

    /// <summary>No operation: an existing object gets today's defaults, for comparison with another.</summary>
    Compare,
}

/// <summary>The context of defaulting and validation.</summary>
/// <param name="Config">The configuration of the cluster.</param>
/// <param name="Operation">The operation.</param>
public sealed record AdmissionContext(ConfigSnapshot Config, AdmissionOperation Operation = AdmissionOperation.Create)
{
    /// <summary>The subresource being written; empty for the object itself.</summary>
    public string Subresource { get; init; } = "";

    /// <summary>The user; null to record none.</summary>
    public string? UserName { get; init; }

    /// <summary>The DNS domain of the cluster.</summary>
    public string ClusterDomain { get; init; } = "cluster.local";

    /// <summary>Whether only the status is written: metadata and specification cannot change then and are not validated again.</summary>
    public bool IsStatusUpdate => Operation == AdmissionOperation.Update && Subresource == "status";

    /// <summary>Whether the operation is an update.</summary>
    public bool IsUpdate => Operation == AdmissionOperation.Update;
}
