using System.Net;

namespace Serving.Dataplane.ProxyProtocol;

/// <summary>From whom a server accepts the PROXY protocol. Invariant: an address that a header names is used only when one of the
/// <see cref="Sources"/> sent it.</summary>
/// <param name="Sources">The proxies that may name a client.</param>
/// <param name="IsRequired">
/// Whether every connection must begin with a header. Otherwise one of the sources may send one, and all other connections are plain.
/// </param>
public sealed record ProxyProtocolPolicy(IReadOnlyList<IPNetwork> Sources, bool IsRequired)
{
    /// <summary>Whether an address belongs to one of the sources.</summary>
    public bool IsSource(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        foreach (var source in Sources)
        {
            if (source.Contains(address))
                return true;
        }

        return false;
    }
}
