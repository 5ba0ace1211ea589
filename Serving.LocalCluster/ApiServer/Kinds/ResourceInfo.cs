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

    /// <summary>The subresources, such as <c>status</c> and <c>scale</c>.</summary>
    public IReadOnlySet<string> Subresources { get; init; } = new HashSet<string>();

    /// <summary>Whether requests are handled but not stored, as for reviews.</summary>
    public bool IsCreateOnly { get; init; }

    public required Schema Schema { get; init; }

    /// <summary>The data of the CRD; null for built-in kinds.</summary>
    public CustomVersion? Custom { get; init; }

    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>The name with its group, such as <c>deployments.apps</c>, for messages.</summary>
    public string Qualified => Group.Length == 0 ? Plural : $"{Plural}.{Group}";

    /// <summary>Whether only the status subresource writes the status.</summary>
    public bool HasStatus => Subresources.Contains("status");

    public bool HasScale => Subresources.Contains("scale");
}

/// <summary>Settings of a version of a custom resource, besides its names.</summary>
/// <param name="Columns">The additionalPrinterColumns; null without any.</param>
/// <param name="SpecReplicasPath">The path of the scale subresource's <c>.spec.replicas</c>.</param>
/// <param name="StatusReplicasPath">The path of the scale subresource's <c>.status.replicas</c>.</param>
/// <param name="LabelSelectorPath">The path of the scale subresource's selector.</param>
/// <param name="StorageVersion">The version in which objects are stored.</param>
/// <param name="DeprecationWarning">The warning of every response when the version is deprecated.</param>
/// <param name="PreservesUnknownFields">Whether unknown fields are kept instead of pruned.</param>
internal sealed record CustomVersion(
    JsonArray? Columns,
    string? SpecReplicasPath,
    string? StatusReplicasPath,
    string? LabelSelectorPath,
    string StorageVersion,
    string? DeprecationWarning,
    bool PreservesUnknownFields
)
{
    /// <summary>The selectable fields, such as <c>spec.color</c>.</summary>
    public IReadOnlyList<string> SelectableFields { get; init; } = [];
}
