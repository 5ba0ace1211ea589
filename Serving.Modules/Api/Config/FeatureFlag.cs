namespace Serving.Api.Config;

/// <summary>Whether a feature is disabled, allowed for resources that request it, or enabled for all.</summary>
public enum FeatureFlag
{
    Disabled,

    /// <summary>Disabled unless a resource requests it.</summary>
    Allowed,
    Enabled,
}
