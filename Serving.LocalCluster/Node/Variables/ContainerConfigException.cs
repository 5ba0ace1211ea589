namespace Serving.LocalCluster.Node.Variables;

/// <summary>A container cannot be started as its pod specifies: something it refers to is missing or not supported. Reported as
/// <c>CreateContainerConfigError</c>.</summary>
internal sealed class ContainerConfigException(string message) : Exception(message);
