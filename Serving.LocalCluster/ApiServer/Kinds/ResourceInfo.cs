using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Schemas;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>One version of a resource, built in or defined by a CustomResourceDefinition.</summary>
internal sealed record ResourceInfo
{
    public required string Group { get; init; }

    public required string Version { get; init; }

    public required string Kind { get; init; }

    public required string Plural { get; init; }

    public required string Singular { get; init; }

    public required bool IsNamespaced { get; init; }

    public IReadOnlyList<string> ShortNames { get; init; } = [];

    public IReadOnlyList<string> Categories { get; init; } = [];

    public string ListKind { get; init; } = "";

    /// <summary>Names such as <c>status</c> and <c>scale</c>.</summary>
    public IReadOnlySet<string> Subresources { get; init; } = new HashSet<string>();

    /// <summary>Answered and not kept, as reviews are.</summary>
    public bool IsCreateOnly { get; init; }

    public required Schema Schema { get; init; }

    /// <summary>What a CRD adds; null for built-in kinds.</summary>
    public CustomVersion? Custom { get; init; }

    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>As <c>deployments.apps</c>, for messages.</summary>
    public string Qualified => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    public bool HasStatus => Subresources.Contains("status");

    /// <summary>Whether apply and the like see a status that only the status subresource writes.</summary>
    public bool HasScale => Subresources.Contains("scale");
}

/// <summary>What a version of a custom resource has beside its names.</summary>
/// <param name="Columns">additionalPrinterColumns, or null when the definition has none.</param>
/// <param name="SpecReplicasPath">scale's <c>.spec.replicas</c>.</param>
/// <param name="StatusReplicasPath">scale's <c>.status.replicas</c>.</param>
/// <param name="LabelSelectorPath">scale's selector.</param>
/// <param name="StorageVersion">The version objects are kept in.</param>
/// <param name="DeprecationWarning">Told on every request when the version is deprecated.</param>
/// <param name="PreservesUnknownFields">Nothing is pruned.</param>
internal sealed record CustomVersion(
    JsonArray? Columns, string? SpecReplicasPath, string? StatusReplicasPath, string? LabelSelectorPath, string StorageVersion, string? DeprecationWarning,
    bool PreservesUnknownFields)
{
    /// <summary>The fields that field selectors may name, as <c>spec.color</c>.</summary>
    public IReadOnlyList<string> SelectableFields { get; init; } = [];
}
