namespace Serving.Api.Config;

/// <summary>How far pods are secured when their specification says nothing (<c>secure-pod-defaults</c>).</summary>
public enum SecurePodDefaults
{
    Disabled,

    /// <summary>Everything but <c>runAsNonRoot</c> is defaulted, so images that run as root still start.</summary>
    AllowRootBounded,
    Enabled,
}
