namespace Serving.Api.Config;

/// <summary>The affinity of pods that specify none (<c>default-affinity-type</c>).</summary>
public enum DefaultAffinityType
{
    /// <summary><c>none</c>.</summary>
    None,

    /// <summary><c>prefer-spread-revision-over-nodes</c>.</summary>
    PreferSpreadRevisionOverNodes,
}
