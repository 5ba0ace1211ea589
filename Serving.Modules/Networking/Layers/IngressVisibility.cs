namespace Serving.Networking.Layers;

/// <summary>The values of a rule's visibility.</summary>
public static class IngressVisibility
{
    /// <summary>Reachable from outside the cluster; the default.</summary>
    public const string External = "ExternalIP";

    /// <summary>Reachable within the cluster only.</summary>
    public const string ClusterLocal = "ClusterLocal";
}
