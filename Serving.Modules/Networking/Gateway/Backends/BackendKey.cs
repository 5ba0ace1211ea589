using Serving.Api.Core;

namespace Serving.Networking.Gateway.Backends;

/// <summary>A port, by number or name, of a Kubernetes Service.</summary>
internal readonly record struct BackendKey(string Namespace, string Service, IntOrString Port)
{
    public override string ToString() => $"{Namespace}/{Service}:{Port}";
}
