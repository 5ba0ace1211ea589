namespace Serving.Api.Config;

/// <summary>The affinity that pods get when they ask for none (<c>default-affinity-type</c>).</summary>
public enum DefaultAffinityType
{
    /// <summary><c>none</c>.</summary>
    None,

    /// <summary><c>prefer-spread-revision-over-nodes</c>.</summary>
    PreferSpreadRevisionOverNodes,
}
