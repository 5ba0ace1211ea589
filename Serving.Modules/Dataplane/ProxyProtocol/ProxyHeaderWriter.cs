using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Serving.Dataplane.Requests;

namespace Serving.Dataplane.ProxyProtocol;

/// <summary>Writes headers of the PROXY protocol, version 2, which some servers expect before a connection's first byte.</summary>
public static class ProxyHeaderWriter
{
    private const byte Version2Local = 0x20;
    private const byte Version2Proxy = 0x21;
    private const byte TcpOverIPv4 = 0x11;
    private const byte TcpOverIPv6 = 0x21;

    /// <summary>The first bytes of every header of version 2.</summary>
    internal static ReadOnlySpan<byte> Signature => [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A];

    /// <summary>
    /// The header of a connection that its sender opens for itself, such as a probe. It names no client, so a server needs no trust to
    /// accept it.
    /// </summary>
    public static byte[] Local() => [.. Signature, Version2Local, 0, 0, 0];

    /// <summary>The header for a connected socket: this end is the source, the other the destination.</summary>
    public static byte[] Proxied(Socket socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        return Proxied((IPEndPoint)socket.LocalEndPoint!, (IPEndPoint)socket.RemoteEndPoint!);
    }

    /// <summary>The header for a connection between these ends.</summary>
    public static byte[] Proxied(IPEndPoint source, IPEndPoint destination)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(destination);
        var (from, to) = (source.Address.ToPlain().GetAddressBytes(), destination.Address.ToPlain().GetAddressBytes());
        var addresses = from.Length + to.Length + 4;
        var header = new byte[Signature.Length + 4 + addresses];
        Signature.CopyTo(header);
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
}
