namespace Serving.Api.Config;

/// <summary>Whether secure defaults are applied to the security context (<c>secure-pod-defaults</c>).</summary>
public enum SecurePodDefaults
{
    Disabled,

    /// <summary>All defaults except <c>runAsNonRoot</c>, so that images that run as root still start.</summary>
    AllowRootBounded,
    Enabled,
}
