namespace Serving.Kubernetes.Queue;

/// <summary>A key whose last attempt failed.</summary>
/// <param name="Key">The key.</param>
/// <param name="Failures">Failures in a row.</param>
public sealed record FailingKey(string Key, int Failures);
