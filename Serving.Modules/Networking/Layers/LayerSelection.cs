using Serving.Api.Config;
using Serving.Api.Networking;
using Serving.ConfigMaps;
using Serving.Kubernetes.Informers;

namespace Serving.Networking.Layers;

/// <summary>Whether a cluster uses a layer: config-network names its class, or an Ingress has it.</summary>
internal sealed class LayerSelection(NetworkLayer layer, IInformer<Ingress> ingresses, ConfigStore config)
{
    /// <summary>Completes when the layer is used. Defaults count only after the ConfigMaps were read.</summary>
    public async Task WaitAsync(CancellationToken cancellation)
    {
        await config.WaitForSyncAsync(cancellation);
        var used = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void OnConfig(ConfigSnapshot old, ConfigSnapshot current)
        {
            if (current.Network.IngressClass == layer.IngressClass)
            {
                used.TrySetResult();
            }
        }

        config.Changed += OnConfig;
        try
        {
            OnConfig(config.Current, config.Current);
            using var registration = ingresses.AddHandler(change =>
            {
                if (change.New is { } ingress && layer.Serves(ingress))
                {
                    used.TrySetResult();
                }
            });
            await used.Task.WaitAsync(cancellation);
        }
        finally
        {
            config.Changed -= OnConfig;
        }
    }
}
