using Serving.Api.Config;

namespace Serving.Api.Validation;

/// <summary>What is being done to an object that is to be admitted.</summary>
public enum AdmissionOperation
{
    /// <summary>It is new.</summary>
    Create,

    /// <summary>It replaces another.</summary>
    Update,

    /// <summary>Nothing: an object that exists is brought to today's defaults, to compare another with it.</summary>
    Compare,
}

/// <summary>What defaults and validation know beside the object itself.</summary>
/// <param name="Config">The configuration of the cluster.</param>
/// <param name="Operation">What is being done.</param>
public sealed record AdmissionContext(ConfigSnapshot Config, AdmissionOperation Operation = AdmissionOperation.Create)
{
    /// <summary>The subresource that is written; empty for the object itself.</summary>
    public string Subresource { get; init; } = "";

    /// <summary>Who asks; null when nobody's name is to be recorded.</summary>
    public string? UserName { get; init; }

    /// <summary>The DNS domain of the cluster.</summary>
    public string ClusterDomain { get; init; } = "cluster.local";

    /// <summary>Whether only the status is written: metadata and specification cannot change then, and what was accepted once is not judged again.</summary>
    public bool IsStatusUpdate => Operation == AdmissionOperation.Update && Subresource == "status";

    /// <summary>Whether an object is replaced.</summary>
    public bool IsUpdate => Operation == AdmissionOperation.Update;
}
