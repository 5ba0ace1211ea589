namespace Serving.Api.Conditions;

/// <summary>The values of a condition's severity; empty means error.</summary>
public static class ConditionSeverity
{
    public const string Error = "";
    public const string Warning = "Warning";
    public const string Info = "Info";
}
