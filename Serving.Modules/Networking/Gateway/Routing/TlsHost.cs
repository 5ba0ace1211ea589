using Serving.Kubernetes;

namespace Serving.Networking.Gateway.Routing;

/// <summary>A host and the Secret that contains its certificate.</summary>
internal readonly record struct TlsHost(string Host, ObjectKey Secret);
