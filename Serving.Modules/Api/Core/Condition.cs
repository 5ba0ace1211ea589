namespace Serving.Api.Core;

/// <summary>A Knative condition (knative.dev/pkg/apis Condition), also used to read the conditions of Kubernetes' own kinds.</summary>
public sealed record Condition : Extensible
{
    [RequiredField]
    public string Type
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary><c>True</c>, <c>False</c> or <c>Unknown</c>.</summary>
    [RequiredField]
    public string Status
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary>Empty for error, else <c>Info</c> or <c>Warning</c>.</summary>
    public string Severity
    {
        get;
        init => field = value ?? "";
    } = "";
    public DateTimeOffset? LastTransitionTime { get; init; }
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
}
