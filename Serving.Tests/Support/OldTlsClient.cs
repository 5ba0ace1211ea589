using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Serving.Tests.Support;

/// <summary>A client that supports TLS up to 1.1. Hand-written, because the machine's TLS library does not offer these versions.</summary>
internal static class OldTlsClient
{
    /// <summary>The alert with which a server rejects the version: fatal, protocol_version.</summary>
    public static readonly byte[] VersionRefused = [2, 70];

    /// <summary>Sends a ClientHello; returns the alert of the server, or nothing when it closes or continues.</summary>
    public static async Task<byte[]> GreetAsync(IPEndPoint server, string serverName)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(server);
        var stream = socket.GetStream();
        await stream.WriteAsync(Record(22, Handshake(serverName)));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var head = new byte[5];
        if (await stream.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, patience.Token) < head.Length || head[0] != 21)
        {
            return [];
        }

        var alert = new byte[BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(3))];
        await stream.ReadExactlyAsync(alert, patience.Token);
        return alert;
    }

    private static byte[] Handshake(string serverName)
    {
        byte[] hello =
        [
            3,
            2,
            .. Enumerable.Repeat((byte)7, 32),
            0,
            .. Sized([0xC0, 0x13, 0xC0, 0x09, 0, 0x2F]),
            1,
            0,
            .. Sized([
                .. Extension(0, Sized([0, .. Sized(Encoding.ASCII.GetBytes(serverName))])),
                .. Extension(10, Sized([0, 23])),
                .. Extension(11, [1, 0]),
            ]),
        ];
        return [1, 0, .. Length(hello), .. hello];
    }

    private static byte[] Extension(byte type, byte[] content) => [0, type, .. Sized(content)];

    private static byte[] Record(byte type, byte[] content) => [type, 3, 1, .. Sized(content)];

    private static byte[] Sized(byte[] content) => [.. Length(content), .. content];

    private static byte[] Length(byte[] content) => [(byte)(content.Length >> 8), (byte)content.Length];
}
