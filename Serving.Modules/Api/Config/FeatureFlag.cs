namespace Serving.Api.Config;

/// <summary>Whether a feature is off, may be asked for by a resource, or is on for all.</summary>
public enum FeatureFlag
{
    Disabled,

    /// <summary>Off, unless a resource asks for it.</summary>
    Allowed,
    Enabled,
}
