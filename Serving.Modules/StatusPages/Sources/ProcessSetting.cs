namespace Serving.StatusPages.Sources;

/// <summary>A setting of the process, which it read once at its start.</summary>
/// <param name="Name">The option, such as <c>--gateway-port</c>, or the environment variable that sets it.</param>
/// <param name="Value">The value in effect; empty for none.</param>
/// <param name="Source">Where the value comes from: <c>command line</c>, an environment variable, a file, or <c>default</c>.</param>
public sealed record ProcessSetting(string Name, string Value, string Source)
{
    /// <summary>The source of a value that nobody set.</summary>
    public const string Default = "default";

    /// <summary>Whether nobody set the value.</summary>
    public bool IsDefault => Source == Default;
}
