namespace Serving.Api.Config;

/// <summary>Whether pods can be reached by their own addresses (<c>mesh-compatibility-mode</c>).</summary>
public enum MeshCompatibilityMode
{
    /// <summary>Found out by trying.</summary>
    Auto,

    /// <summary>They cannot: a mesh is in the way, go through the Service.</summary>
    Enabled,

    /// <summary>They can.</summary>
    Disabled,
}
