using Microsoft.Extensions.DependencyInjection;
using Serving.Kubernetes.Hosting;
using Serving.Networking.Layers;

namespace Serving.Networking.GatewayApi;

/// <summary>Registers the network layer of the Gateway API.</summary>
public static class GatewayApiServices
{
    /// <summary>Adds the module. It works only in a cluster that uses the layer.</summary>
    /// <param name="services">Has the cluster's environment, informers, configuration and the recorder of events.</param>
    public static IServiceCollection AddGatewayApi(this IServiceCollection services) =>
        services.AddServingModule(static provider => new GatewayApiModule(LayerContext.Of(provider)));
}
