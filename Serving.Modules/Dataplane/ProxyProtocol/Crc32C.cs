using System.Numerics;

namespace Serving.Dataplane.ProxyProtocol;

/// <summary>The checksum (CRC-32C) that a header of version 2 may carry.</summary>
internal static class Crc32C
{
    private const int Size = 4;

    /// <summary>The checksum of a header in which the four bytes of the checksum itself count as zero.</summary>
    /// <param name="header">The whole header.</param>
    /// <param name="at">Where its checksum is.</param>
    public static uint OfHeader(ReadOnlySpan<byte> header, int at)
    {
        ReadOnlySpan<byte> zero = [0, 0, 0, 0];
        var crc = Add(uint.MaxValue, header[..at]);
        crc = Add(crc, zero);
        return ~Add(crc, header[(at + Size)..]);
    }

    private static uint Add(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (var octet in bytes)
            crc = BitOperations.Crc32C(crc, octet);
        return crc;
    }
}
