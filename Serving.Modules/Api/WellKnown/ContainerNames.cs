namespace Serving.Api.WellKnown;

/// <summary>Names of containers in a Revision's pods.</summary>
public static class ContainerNames
{
    /// <summary>The sidecar.</summary>
    public const string QueueProxy = "queue-proxy";
}
