using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Serving.Kubernetes.Hosting;

/// <summary>
/// Opens and closes ports while the application runs, through Kestrel's reload of configured endpoints. Used by one task at a time. Kestrel
/// only logs a failure to bind, so the address is tried first, and a port that does not listen in time counts as failed.
/// </summary>
public sealed class PortListeners : ConfigurationProvider, IConfigurationSource
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(10);

    private readonly IServiceProvider _services;
    private readonly IConfigurationRoot _configuration;

    /// <param name="services">Contains the server and, as <see cref="ServingPort"/>s without an address, the ports that may be
    /// opened.</param>
    public PortListeners(IServiceProvider services)
    {
        _services = services;
        _configuration = new ConfigurationBuilder().Add(this).Build();
    }

    /// <summary>Opens a port. Throws <see cref="IOException"/> when the address cannot be bound.</summary>
    public async Task OpenAsync(ServingPort port, IPEndPoint address, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(port);
        ArgumentNullException.ThrowIfNull(address);
        EnsureFree(address);
        Set(KeyOf(port), $"{(port.Certificate is null ? "http" : "https")}://{address}");
        OnReload();
        if (!await WaitAsync(address, isOpen: true, cancellation))
        {
            await CloseAsync(port, address, cancellation);
            throw new IOException($"the {port.Name} port did not open at {address} within {Limit.TotalSeconds:0} s");
        }
    }

    /// <summary>Closes a port and its idle connections.</summary>
    public async Task CloseAsync(ServingPort port, IPEndPoint address, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(port);
        ArgumentNullException.ThrowIfNull(address);
        if (Data.Remove(KeyOf(port)))
        {
            OnReload();
            await WaitAsync(address, isOpen: false, cancellation);
        }
    }

    /// <inheritdoc/>
    public IConfigurationProvider Build(IConfigurationBuilder builder) => this;

    /// <summary>Makes Kestrel follow the opened and closed ports.</summary>
    internal void Configure(KestrelServerOptions kestrel, ILoggerFactory loggers)
    {
        var loader = kestrel.Configure(_configuration, reloadOnChange: true);
        foreach (var port in _services.GetServices<ServingPort>().Where(static port => port.Address is null))
        {
            loader.Endpoint(port.Name, endpoint => port.Configure(endpoint.ListenOptions, loggers));
        }
    }

    private static string KeyOf(ServingPort port) => $"Endpoints:{port.Name}:Url";

    private static void EnsureFree(IPEndPoint address)
    {
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.Address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.Bind(address);
            socket.Listen();
        }
        catch (SocketException failure)
        {
            throw new IOException($"cannot listen on {address}: {failure.Message}", failure);
        }
    }

    private async Task<bool> WaitAsync(IPEndPoint address, bool isOpen, CancellationToken cancellation)
    {
        var addresses = _services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        var end = $"://{address}";
        for (var waited = TimeSpan.Zero; waited < Limit; waited += Step)
        {
            if (addresses.Any(one => one.EndsWith(end, StringComparison.Ordinal)) == isOpen)
            {
                return true;
            }

            await Task.Delay(Step, cancellation);
        }

        return false;
    }
}
