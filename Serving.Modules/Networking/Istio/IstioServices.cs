using Microsoft.Extensions.DependencyInjection;
using Serving.Kubernetes.Hosting;
using Serving.Networking.Layers;

namespace Serving.Networking.Istio;

/// <summary>Registers the network layer Istio.</summary>
public static class IstioServices
{
    /// <summary>Adds the module.</summary>
    /// <param name="services">Has the cluster's environment, discovery, informers, configuration and the recorder of events.</param>
    public static IServiceCollection AddIstio(this IServiceCollection services) =>
        services.AddServingModule(static provider => new IstioModule(LayerContext.Of(provider)));
}
