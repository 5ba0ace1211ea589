using Serving.Api.Config;
using Serving.ConfigMaps;

namespace Serving.Networking.Gateway;

/// <summary>The current settings of the listeners, from config-gateway-listeners; the defaults where no ConfigMaps are read.</summary>
public sealed class GatewayListeners
{
    private readonly ConfigStore? _store;

    /// <summary>The defaults, which never change.</summary>
    public GatewayListeners() { }

    /// <param name="store">The ConfigMaps of the process.</param>
    public GatewayListeners(ConfigStore store)
    {
        ArgumentNullException.ThrowIfNull(store);
        _store = store;
    }

    /// <summary>The current settings.</summary>
    public GatewayListenersConfig Current => _store?.Current.GatewayListeners ?? GatewayListenersConfig.Default;

    /// <summary>Calls a fast handler after each change, never concurrently, until the result is disposed.</summary>
    public IDisposable OnChange(Action handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return new Subscription(_store, handler);
    }

    private sealed class Subscription : IDisposable
    {
        private readonly ConfigStore? _store;
        private readonly Action _handler;

        public Subscription(ConfigStore? store, Action handler)
        {
            (_store, _handler) = (store, handler);
            if (store is not null)
            {
                store.Changed += OnChanged;
            }
        }

        public void Dispose()
        {
            if (_store is not null)
            {
                _store.Changed -= OnChanged;
            }
        }

        private void OnChanged(ConfigSnapshot old, ConfigSnapshot now)
        {
            if (!ReferenceEquals(old.GatewayListeners, now.GatewayListeners))
            {
                _handler();
            }
        }
    }
}
