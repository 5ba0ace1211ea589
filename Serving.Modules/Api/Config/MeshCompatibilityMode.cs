namespace Serving.Api.Config;

/// <summary>Whether pods are reachable at their own addresses (<c>mesh-compatibility-mode</c>).</summary>
public enum MeshCompatibilityMode
{
    /// <summary>Detected by probing.</summary>
    Auto,

    /// <summary>They are not, because of a mesh: use the Service.</summary>
    Enabled,

    /// <summary>They are.</summary>
    Disabled,
}
