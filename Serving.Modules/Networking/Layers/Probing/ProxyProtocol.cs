using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Serving.Networking.Layers.Probing;

/// <summary>Writes the header of the PROXY protocol, version 2, which some data planes expect before each connection's first
/// byte.</summary>
internal static class ProxyProtocol
{
    private const byte Version2Proxy = 0x21;
    private const byte TcpOverIPv4 = 0x11;
    private const byte TcpOverIPv6 = 0x21;
    private static readonly byte[] Signature = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A];

    /// <summary>The header for a connected socket: this end is the source, the other the destination.</summary>
    public static byte[] Header(Socket socket) => Header((IPEndPoint)socket.LocalEndPoint!, (IPEndPoint)socket.RemoteEndPoint!);

    /// <summary>The header for a connection between these ends.</summary>
    public static byte[] Header(IPEndPoint source, IPEndPoint destination)
    {
        var (from, to) = (Bytes(source.Address), Bytes(destination.Address));
        var addresses = from.Length + to.Length + 4;
        var header = new byte[Signature.Length + 4 + addresses];
        Signature.CopyTo(header, 0);
        var rest = header.AsSpan(Signature.Length);
        rest[0] = Version2Proxy;
        rest[1] = from.Length == 4 ? TcpOverIPv4 : TcpOverIPv6;
        BinaryPrimitives.WriteUInt16BigEndian(rest[2..], (ushort)addresses);
        from.CopyTo(rest[4..]);
        to.CopyTo(rest[(4 + from.Length)..]);
        BinaryPrimitives.WriteUInt16BigEndian(rest[^4..], (ushort)source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(rest[^2..], (ushort)destination.Port);
        return header;
    }

    /// <summary>An IPv4 address that a dual-stack socket shows as IPv6 is IPv4 again.</summary>
    private static byte[] Bytes(IPAddress address) => (address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address).GetAddressBytes();
}
