namespace Serving.LocalCluster.Node.Variables;

/// <summary>A container cannot be started as its pod asks: something it refers to is missing or not offered. Reported as <c>CreateContainerConfigError</c>.</summary>
internal sealed class ContainerConfigException(string message) : Exception(message);
