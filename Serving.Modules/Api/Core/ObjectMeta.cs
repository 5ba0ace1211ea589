using System.Text.Json.Serialization;

namespace Serving.Api.Core;

/// <summary>Standard object metadata (meta/v1 ObjectMeta).</summary>
public sealed record ObjectMeta : Extensible
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public string GenerateName
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Namespace
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Uid
    {
        get;
        init => field = value ?? "";
    } = "";
    public string ResourceVersion
    {
        get;
        init => field = value ?? "";
    } = "";
    public long? Generation { get; init; }
    public DateTimeOffset? CreationTimestamp { get; init; }
    public DateTimeOffset? DeletionTimestamp { get; init; }
    public long? DeletionGracePeriodSeconds { get; init; }
    public IReadOnlyDictionary<string, string> Labels
    {
        get;
        init => field = value ?? Empty.Map;
    } = Empty.Map;
    public IReadOnlyDictionary<string, string> Annotations
    {
        get;
        init => field = value ?? Empty.Map;
    } = Empty.Map;
    public IReadOnlyList<OwnerReference> OwnerReferences
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<string> Finalizers
    {
        get;
        init => field = value ?? [];
    } = [];

    /// <summary>
    /// Whether this is a cached copy without the last-applied-configuration annotation: written back as it is, it would remove that
    /// annotation from the object. Never serialized.
    /// </summary>
    [JsonIgnore]
    public bool LacksLastApplied { get; init; }

    /// <summary>The same metadata without an unmodelled field, such as <c>managedFields</c>.</summary>
    public ObjectMeta WithoutExtensionData(string name)
    {
        if (ExtensionData is null || !ExtensionData.ContainsKey(name))
        {
            return this;
        }

        var rest = ExtensionData.Where(pair => pair.Key != name).ToDictionary();
        return this with { ExtensionData = rest.Count > 0 ? rest : null };
    }
}

/// <summary>A reference to the owner of an object (meta/v1 OwnerReference).</summary>
public sealed record OwnerReference : Extensible
{
    [RequiredField]
    public string ApiVersion
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Uid
    {
        get;
        init => field = value ?? "";
    } = "";
    public bool? Controller { get; init; }
    public bool? BlockOwnerDeletion { get; init; }
}

/// <summary>Shared empty collections.</summary>
public static class Empty
{
    /// <summary>An empty string map.</summary>
    public static IReadOnlyDictionary<string, string> Map { get; } = new Dictionary<string, string>(0);
}

/// <summary>Metadata of a list (meta/v1 ListMeta).</summary>
public sealed record ListMeta
{
    public string ResourceVersion
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Continue
    {
        get;
        init => field = value ?? "";
    } = "";
    public long? RemainingItemCount { get; init; }
}

/// <summary>One page of a collection.</summary>
public sealed record KubernetesList<T>
{
    public string ApiVersion
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "";
    public ListMeta Metadata
    {
        get;
        init => field = value ?? new();
    } = new();
    public IReadOnlyList<T> Items
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>The API server's response to a failed request or a delete (meta/v1 Status).</summary>
public sealed record Status
{
    public string ApiVersion
    {
        get;
        init => field = value ?? "";
    } = "v1";
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "Status";

    [JsonPropertyName("status")]
    public string State
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Message
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Reason
    {
        get;
        init => field = value ?? "";
    } = "";
    public StatusDetails? Details { get; init; }
    public int? Code { get; init; }
}

/// <summary>Details of a <see cref="Status"/>.</summary>
public sealed record StatusDetails
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Group
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Uid
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<StatusCause> Causes
    {
        get;
        init => field = value ?? [];
    } = [];
    public int? RetryAfterSeconds { get; init; }
}

/// <summary>A cause of a failure, usually a field.</summary>
public sealed record StatusCause
{
    public string Reason
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Message
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Field
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>A reference to any object (core/v1 ObjectReference, and Knative's KReference).</summary>
public sealed record ObjectReference : Extensible
{
    public string ApiVersion
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Namespace
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Uid
    {
        get;
        init => field = value ?? "";
    } = "";
    public string ResourceVersion
    {
        get;
        init => field = value ?? "";
    } = "";
    public string FieldPath
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>A reference by name alone (core/v1 LocalObjectReference).</summary>
public sealed record LocalObjectReference : Extensible
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>A label selector (meta/v1 LabelSelector).</summary>
public sealed record LabelSelector : Extensible
{
    public IReadOnlyDictionary<string, string> MatchLabels
    {
        get;
        init => field = value ?? Empty.Map;
    } = Empty.Map;
    public IReadOnlyList<LabelSelectorRequirement> MatchExpressions
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>One requirement of a <see cref="LabelSelector"/>; operators In, NotIn, Exists, DoesNotExist.</summary>
public sealed record LabelSelectorRequirement : Extensible
{
    [RequiredField]
    public string Key
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Operator
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<string> Values
    {
        get;
        init => field = value ?? [];
    } = [];
}
