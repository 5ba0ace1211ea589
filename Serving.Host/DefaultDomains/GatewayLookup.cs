using System.Net;

namespace Serving.Host.DefaultDomains;

/// <summary>The outcome of a lookup: the address at which clients outside the cluster reach the gateway, or what is missing.</summary>
internal sealed record GatewayLookup
{
    private GatewayLookup() { }

    /// <summary>The address; null when something is missing.</summary>
    public IPAddress? Address { get; private init; }

    /// <summary>The port at <see cref="Address"/>; 80 unless the Service has type NodePort or its pods have another host port.</summary>
    public int Port { get; private init; }

    /// <summary>Where the address comes from; or the object and field that are missing, and what to do.</summary>
    public required string Text { get; init; }

    public static GatewayLookup Found(IPAddress address, int port, string source) =>
        new()
        {
            Address = address,
            Port = port,
            Text = source,
        };

    public static GatewayLookup Missing(string what) => new() { Text = what };
}
