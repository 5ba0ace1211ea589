using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>A Gateway of Istio and the Service in front of its pods.</summary>
/// <param name="Namespace">The namespace of the Gateway.</param>
/// <param name="Name">The name of the Gateway.</param>
/// <param name="Service">The host name of the Service, as <c>istio-ingressgateway.istio-system.svc.cluster.local</c>.</param>
/// <param name="Selector">The labels of the Routes that it exposes; null for those that no other Gateway selects.</param>
public sealed record IstioGatewayReference(string Namespace, string Name, string Service, LabelSelector? Selector = null)
{
    /// <summary>The namespace of a Gateway that names none.</summary>
    public const string DefaultNamespace = "knative-serving";

    /// <summary>The Gateway as VirtualServices name it.</summary>
    public string QualifiedName => $"{Namespace}/{Name}";

    /// <summary>The name of the Service.</summary>
    public string ServiceName => Service.Split('.')[0];

    /// <summary>The namespace of the Service.</summary>
    public string ServiceNamespace => Service.Split('.')[1];
}
