using System.Buffers;
using System.Net;
using System.Text;
using FluentAssertions;
using NUnit.Framework;
using Serving.Dataplane.ProxyProtocol;

namespace Serving.Tests.Dataplane.ProxyProtocol;

/// <summary>Headers of both versions, as proxies send them and as nobody should.</summary>
public sealed class ProxyHeaderParserTests
{
    private const string Signature = "0D0A0D0A000D0A515549540A";
    private const string Request = "GET / HTTP/1.1\r\n";

    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", "192.0.2.1:56324")]
    [TestCase("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535")]
    [TestCase("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0:0")]
    [TestCase("PROXY TCP6 2001:db8::1 2001:db8::2 4124 443\r\n", "[2001:db8::1]:4124")]
    [TestCase("PROXY TCP6 2001:DB8:0:0:0:0:0:1 ::1 4124 443\r\n", "[2001:db8::1]:4124")]
    [TestCase("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 4124 443\r\n", "192.0.2.1:4124")]
    [TestCase("PROXY UNKNOWN\r\n", null)]
    [TestCase("PROXY UNKNOWN ffff::1 anything at all 1 2\r\n", null)]
    public void A_line_names_the_client(string line, string? client) => ParsesTo(Encoding.ASCII.GetBytes(line), client);

    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n", TestName = "a port is missing")]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 1\r\n", TestName = "a field too many")]
    [TestCase("PROXY TCP4 192.0.2.1  198.51.100.7 56324 443\r\n", TestName = "two spaces")]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n", TestName = "a space at the end")]
    [TestCase("PROXY  TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", TestName = "two spaces before the protocol")]
    [TestCase("PROXY TCP4\t192.0.2.1 198.51.100.7 56324 443\r\n", TestName = "a tab")]
    [TestCase("PROXY tcp4 192.0.2.1 198.51.100.7 56324 443\r\n", TestName = "lower case")]
    [TestCase("PROXY TCP5 192.0.2.1 198.51.100.7 56324 443\r\n", TestName = "no such protocol")]
    [TestCase("PROXY UNKNOWNX\r\n", TestName = "nearly UNKNOWN")]
    [TestCase("PROXY TCP4 ::1 ::1 56324 443\r\n", TestName = "IPv6 addresses as TCP4")]
    [TestCase("PROXY TCP6 192.0.2.1 192.0.2.2 56324 443\r\n", TestName = "IPv4 addresses as TCP6")]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100 56324 443\r\n", TestName = "three octets")]
    [TestCase("PROXY TCP4 0192.0.2.1 198.51.100.7 56324 443\r\n", TestName = "a leading zero, octal for others")]
    [TestCase("PROXY TCP4 0xC0.0.2.1 198.51.100.7 56324 443\r\n", TestName = "hexadecimal octets")]
    [TestCase("PROXY TCP4 192.0.2.256 198.51.100.7 56324 443\r\n", TestName = "an octet too large")]
    [TestCase("PROXY TCP4 localhost 198.51.100.7 56324 443\r\n", TestName = "a name")]
    [TestCase("PROXY TCP6 [::1] ::1 56324 443\r\n", TestName = "brackets")]
    [TestCase("PROXY TCP6 fe80::1%eth0 ::1 56324 443\r\n", TestName = "a zone")]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n", TestName = "a port too large")]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.7 056 443\r\n", TestName = "a port with a leading zero")]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.7 +56 443\r\n", TestName = "a port with a sign")]
    [TestCase("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\nX: y\r\n", TestName = "a bare line feed")]
    [TestCase("PROXY \r\n", TestName = "nothing")]
    public void A_line_that_breaks_a_rule_is_malformed(string line) =>
        Parse(Encoding.ASCII.GetBytes(line)).State.Should().Be(ProxyHeaderState.Malformed);

    [Test]
    public void A_line_has_at_most_107_bytes()
    {
        var longest = "PROXY UNKNOWN " + new string('x', 107 - 16) + "\r\n";
        longest.Should().HaveLength(107);
        ParsesTo(Encoding.ASCII.GetBytes(longest), null);
        Parse(Encoding.ASCII.GetBytes(longest.Insert(20, "x"))).State.Should().Be(ProxyHeaderState.Malformed);
        Parse(Encoding.ASCII.GetBytes("PROXY UNKNOWN " + new string('x', 93)))
            .State.Should()
            .Be(ProxyHeaderState.Malformed, "107 bytes without an end");
        Parse(Encoding.ASCII.GetBytes("PROXY UNKNOWN " + new string('x', 92))).State.Should().Be(ProxyHeaderState.Incomplete);
    }

    [TestCase("21" + "11" + "000C" + "C0000201" + "C6336407" + "DC04" + "01BB", "192.0.2.1:56324", TestName = "TCP over IPv4")]
    [TestCase(
        "21" + "21" + "0024" + "20010DB8000000000000000000000001" + "20010DB8000000000000000000000002" + "101C" + "01BB",
        "[2001:db8::1]:4124",
        TestName = "TCP over IPv6"
    )]
    [TestCase(
        "21" + "21" + "0024" + "00000000000000000000FFFFC0000201" + "00000000000000000000FFFFC0000202" + "101C" + "01BB",
        "192.0.2.1:4124",
        TestName = "mapped IPv4"
    )]
    [TestCase(
        "21" + "11" + "0014" + "C0000201" + "C6336407" + "DC04" + "01BB" + "EA0005" + "0102030405",
        "192.0.2.1:56324",
        TestName = "an extension"
    )]
    [TestCase(
        "21" + "11" + "000F" + "C0000201" + "C6336407" + "DC04" + "01BB" + "040000",
        "192.0.2.1:56324",
        TestName = "an empty extension"
    )]
    [TestCase("21" + "12" + "000C" + "C0000201" + "C6336407" + "DC04" + "01BB", null, TestName = "UDP names no client of TCP")]
    [TestCase("21" + "00" + "0000", null, TestName = "unspecified")]
    [TestCase("21" + "00" + "0003" + "FFFFFF", null, TestName = "unspecified, with bytes to skip")]
    [TestCase("20" + "00" + "0000", null, TestName = "LOCAL")]
    [TestCase("20" + "11" + "000C" + "C0000201" + "C6336407" + "DC04" + "01BB", null, TestName = "LOCAL ignores addresses")]
    public void A_binary_header_names_the_client(string hex, string? client) => ParsesTo(Convert.FromHexString(Signature + hex), client);

    [Test]
    public void A_Unix_socket_has_no_address_here() =>
        ParsesTo([.. Convert.FromHexString(Signature + "21" + "31" + "00D8"), .. new byte[216]], null);

    [TestCase("11" + "11" + "000C" + "C0000201" + "C6336407" + "DC04" + "01BB", TestName = "version 1")]
    [TestCase("31" + "11" + "000C" + "C0000201" + "C6336407" + "DC04" + "01BB", TestName = "version 3")]
    [TestCase("22" + "11" + "000C" + "C0000201" + "C6336407" + "DC04" + "01BB", TestName = "no such command")]
    [TestCase("21" + "41" + "000C" + "C0000201" + "C6336407" + "DC04" + "01BB", TestName = "no such family")]
    [TestCase("21" + "13" + "000C" + "C0000201" + "C6336407" + "DC04" + "01BB", TestName = "no such transport")]
    [TestCase("21" + "11" + "000B" + "C0000201" + "C6336407" + "DC04" + "01", TestName = "too short for its addresses")]
    [TestCase("21" + "21" + "000C" + "C0000201" + "C6336407" + "DC04" + "01BB", TestName = "IPv4 addresses as IPv6")]
    [TestCase("21" + "11" + "000E" + "C0000201" + "C6336407" + "DC04" + "01BB" + "EA00", TestName = "half an extension")]
    [TestCase(
        "21" + "11" + "0010" + "C0000201" + "C6336407" + "DC04" + "01BB" + "EA0002FF",
        TestName = "an extension longer than the header"
    )]
    [TestCase("21" + "11" + "0013" + "C0000201" + "C6336407" + "DC04" + "01BB" + "030004" + "00000000", TestName = "a wrong checksum")]
    [TestCase("21" + "11" + "0011" + "C0000201" + "C6336407" + "DC04" + "01BB" + "030002" + "0000", TestName = "a checksum of two bytes")]
    public void A_binary_header_that_breaks_a_rule_is_malformed(string hex) =>
        Parse(Convert.FromHexString(Signature + hex)).State.Should().Be(ProxyHeaderState.Malformed);

    [Test]
    public void A_checksum_is_verified()
    {
        var header = Convert.FromHexString(
            Signature + "21" + "11" + "0013" + "C0000201" + "C6336407" + "DC04" + "01BB" + "030004" + "00000000"
        );
        var crc = Reference(header);
        new[] { (byte)(crc >> 24), (byte)(crc >> 16), (byte)(crc >> 8), (byte)crc }.CopyTo(header, header.Length - 4);
        ParsesTo(header, "192.0.2.1:56324");

        header[20]++;
        Parse(header).State.Should().Be(ProxyHeaderState.Malformed);
    }

    [Test]
    public void The_checksum_is_the_one_of_iSCSI() =>
        Reference("123456789"u8).Should().Be(0xE3069283, "else the other test proves nothing");

    [Test]
    public void A_header_has_at_most_4096_bytes()
    {
        byte[] Header(int length) => [.. Convert.FromHexString(Signature + "2000"), (byte)(length >> 8), (byte)length, .. new byte[length]];

        ParsesTo(Header(4080), null);
        Parse(Header(4081)).State.Should().Be(ProxyHeaderState.Malformed);
        Parse(Header(ushort.MaxValue)[..16]).State.Should().Be(ProxyHeaderState.Malformed, "it is not waited for");
    }

    [TestCase("GET / HTTP/1.1\r\n")]
    [TestCase("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    [TestCase("\x16\x03\x01\x02\x00")]
    [TestCase("proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n")]
    [TestCase("\r\nGET / HTTP/1.1\r\n")]
    [TestCase("\r\n\r\nGET / HTTP/1.1\r\n")]
    [TestCase("PROXYING / HTTP/1.1\r\n")]
    public void Anything_else_is_no_header(string text) => Parse(Encoding.Latin1.GetBytes(text)).State.Should().Be(ProxyHeaderState.Absent);

    [Test]
    public void Bytes_at_random_never_throw_and_are_settled_within_the_limit()
    {
        var random = new Random(7);
        byte[][] starts =
        [
            [],
            "PROXY TCP4 "u8.ToArray(),
            Convert.FromHexString(Signature),
            Convert.FromHexString(Signature + "2111"),
            Convert.FromHexString(Signature + "2121"),
        ];
        for (var i = 0; i < 20_000; i++)
        {
            var rest = new byte[random.Next(0, 300)];
            random.NextBytes(rest);
            byte[] bytes = [.. starts[i % starts.Length], .. rest];
            FluentActions.Invoking(() => Parse(bytes)).Should().NotThrow();
            Parse([.. bytes, .. new byte[ProxyHeaderParser.MaxLength]]).State.Should().NotBe(ProxyHeaderState.Incomplete);
        }
    }

    /// <summary>Every prefix is incomplete, in any segmentation, and what follows is not consumed.</summary>
    private static void ParsesTo(byte[] header, string? client)
    {
        for (var length = 0; length < header.Length; length++)
            Parse(header[..length]).State.Should().Be(ProxyHeaderState.Incomplete, "{0} of {1} bytes", length, header.Length);
        byte[] followed = [.. header, .. Encoding.ASCII.GetBytes(Request)];
        foreach (var size in (int[])[1, 5, 16, followed.Length])
        {
            var (state, parsed) = Parse(followed, size);
            state.Should().Be(ProxyHeaderState.Complete);
            parsed.Length.Should().Be(header.Length);
            parsed.Source.Should().Be(client is null ? null : IPEndPoint.Parse(client));
        }
    }

    private static (ProxyHeaderState State, ProxyHeader Header) Parse(byte[] bytes, int segment = int.MaxValue)
    {
        Segment? first = null;
        Segment? last = null;
        for (var at = 0; at < bytes.Length; )
        {
            var length = Math.Min(segment, bytes.Length - at);
            last = new Segment(bytes.AsMemory(at, length), last);
            first ??= last;
            at += length;
        }

        var sequence = first is null ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(first, 0, last!, last!.Memory.Length);
        return (ProxyHeaderParser.Parse(sequence, out var header), header);
    }

    /// <summary>CRC-32C by its definition, bit by bit.</summary>
    private static uint Reference(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var octet in data)
        {
            crc ^= octet;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ (0x82F63B78 & (uint)-(int)(crc & 1));
        }

        return ~crc;
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? previous)
        {
            Memory = memory;
            if (previous is not null)
            {
                RunningIndex = previous.RunningIndex + previous.Memory.Length;
                previous.Next = this;
            }
        }
    }
}
