using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Serving.Dataplane.Statistics;

/// <summary>
/// The protobuf form of <see cref="Stat"/> and of the messages that carry it (package <c>metrics</c>: Stat,
/// WireStatMessage, WireStatMessages). Unknown fields are skipped; a field with its default value is not written.
/// </summary>
public static class StatCodec
{
    /// <summary>The media type of the encoded form.</summary>
    public const string ContentType = "application/protobuf";

    private const int Varint = 0;
    private const int Fixed64 = 1;
    private const int Delimited = 2;
    private const int Fixed32 = 5;

    /// <summary>Encodes one stat.</summary>
    public static byte[] Encode(in Stat stat)
    {
        var bytes = new byte[Size(stat)];
        WriteStat(bytes, stat);
        return bytes;
    }

    /// <summary>Appends one stat to <paramref name="output"/>.</summary>
    public static void Write(IBufferWriter<byte> output, in Stat stat)
    {
        ArgumentNullException.ThrowIfNull(output);
        var size = Size(stat);
        WriteStat(output.GetSpan(size), stat);
        output.Advance(size);
    }

    /// <summary>Encodes the messages of one report (WireStatMessages).</summary>
    public static byte[] Encode(ReadOnlySpan<WireStatMessage> messages)
    {
        var total = 0;
        foreach (ref readonly var message in messages)
            total += FieldSize(Size(message));
        var bytes = new byte[total];
        var at = 0;
        foreach (ref readonly var message in messages)
        {
            at = WriteLength(bytes, at, 1, Size(message));
            at = WriteString(bytes, at, 1, message.Namespace);
            at = WriteString(bytes, at, 2, message.Name);
            at = WriteLength(bytes, at, 3, Size(message.Stat));
            at += WriteStat(bytes.AsSpan(at), message.Stat);
        }

        return bytes;
    }

    /// <summary>Encodes what an autoscaler tells activators about a revision that it scaled up: our own message, on connections whose
    /// client asked for it.</summary>
    public static byte[] Encode(in ScaleFromZero scale)
    {
        var micros = (ulong)Math.Max(0, scale.WriteTime.Ticks / TimeSpan.TicksPerMicrosecond);
        var bytes = new byte[StringSize(scale.Namespace) + StringSize(scale.Revision) + 1 + VarintSize(micros)];
        var at = WriteString(bytes, 0, 1, scale.Namespace);
        at = WriteString(bytes, at, 2, scale.Revision);
        bytes[at++] = (3 << 3) | Varint;
        WriteVarint(bytes, at, micros);
        return bytes;
    }

    /// <summary>Decodes what an autoscaler tells about a revision that it scaled up.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a valid protobuf message.</exception>
    public static ScaleFromZero DecodeScale(ReadOnlySpan<byte> bytes)
    {
        var scale = new ScaleFromZero("", "", TimeSpan.Zero);
        while (!bytes.IsEmpty)
        {
            var (field, wire) = ReadTag(ref bytes);
            scale = (field, wire) switch
            {
                (1, Delimited) => scale with { Namespace = ReadString(ref bytes) },
                (2, Delimited) => scale with { Revision = ReadString(ref bytes) },
                (3, Varint) => scale with { WriteTime = Micros(ReadVarint(ref bytes)) },
                _ => Skip(ref bytes, wire, scale),
            };
        }

        return scale;
    }

    /// <summary>Decodes one stat.</summary>
    /// <exception cref="InvalidDataException">The bytes are not a valid protobuf message.</exception>
    public static Stat Decode(ReadOnlySpan<byte> bytes)
    {
        var stat = new Stat { PodName = "" };
        while (!bytes.IsEmpty)
        {
            var (field, wire) = ReadTag(ref bytes);
            stat = (field, wire) switch
            {
                (1, Delimited) => stat with { PodName = ReadString(ref bytes) },
                (2, Fixed64) => stat with { AverageConcurrentRequests = ReadDouble(ref bytes) },
                (3, Fixed64) => stat with { AverageProxiedConcurrentRequests = ReadDouble(ref bytes) },
                (4, Fixed64) => stat with { RequestCount = ReadDouble(ref bytes) },
                (5, Fixed64) => stat with { ProxiedRequestCount = ReadDouble(ref bytes) },
                (6, Fixed64) => stat with { ProcessUptime = ReadDouble(ref bytes) },
                (7, Varint) => stat with { Timestamp = (long)ReadVarint(ref bytes) },
                _ => Skip(ref bytes, wire, stat),
            };
        }

        return stat;
    }

    /// <summary>Decodes the messages of one report (WireStatMessages).</summary>
    /// <exception cref="InvalidDataException">The bytes are not a valid protobuf message.</exception>
    public static IReadOnlyList<WireStatMessage> DecodeMessages(ReadOnlySpan<byte> bytes)
    {
        var messages = new List<WireStatMessage>();
        while (!bytes.IsEmpty)
        {
            var (field, wire) = ReadTag(ref bytes);
            if (field == 1 && wire == Delimited)
                messages.Add(DecodeMessage(ReadBytes(ref bytes)));
            else
                Skip(ref bytes, wire, 0);
        }

        return messages;
    }

    private static WireStatMessage DecodeMessage(ReadOnlySpan<byte> bytes)
    {
        var message = new WireStatMessage("", "", new Stat { PodName = "" });
        while (!bytes.IsEmpty)
        {
            var (field, wire) = ReadTag(ref bytes);
            message = (field, wire) switch
            {
                (1, Delimited) => message with { Namespace = ReadString(ref bytes) },
                (2, Delimited) => message with { Name = ReadString(ref bytes) },
                (3, Delimited) => message with { Stat = Decode(ReadBytes(ref bytes)) },
                _ => Skip(ref bytes, wire, message),
            };
        }

        return message;
    }

    private static int Size(in WireStatMessage message) =>
        StringSize(message.Namespace) + StringSize(message.Name) + FieldSize(Size(message.Stat));

    private static int Size(in Stat stat) =>
        StringSize(stat.PodName)
        + DoubleSize(stat.AverageConcurrentRequests)
        + DoubleSize(stat.AverageProxiedConcurrentRequests)
        + DoubleSize(stat.RequestCount)
        + DoubleSize(stat.ProxiedRequestCount)
        + DoubleSize(stat.ProcessUptime)
        + (stat.Timestamp == 0 ? 0 : 1 + VarintSize((ulong)stat.Timestamp));

    private static int WriteStat(Span<byte> output, in Stat stat)
    {
        var at = WriteString(output, 0, 1, stat.PodName);
        at = WriteDouble(output, at, 2, stat.AverageConcurrentRequests);
        at = WriteDouble(output, at, 3, stat.AverageProxiedConcurrentRequests);
        at = WriteDouble(output, at, 4, stat.RequestCount);
        at = WriteDouble(output, at, 5, stat.ProxiedRequestCount);
        at = WriteDouble(output, at, 6, stat.ProcessUptime);
        if (stat.Timestamp == 0)
            return at;
        output[at++] = (7 << 3) | Varint;
        return WriteVarint(output, at, (ulong)stat.Timestamp);
    }

    private static int FieldSize(int length) => 1 + VarintSize((ulong)length) + length;

    private static int StringSize(string? value) => string.IsNullOrEmpty(value) ? 0 : FieldSize(Encoding.UTF8.GetByteCount(value));

    private static int DoubleSize(double value) => BitConverter.DoubleToInt64Bits(value) == 0 ? 0 : 9;

    private static int VarintSize(ulong value)
    {
        var size = 1;
        while ((value >>= 7) != 0)
            size++;
        return size;
    }

    private static int WriteLength(Span<byte> output, int at, int field, int length)
    {
        output[at++] = (byte)((field << 3) | Delimited);
        return WriteVarint(output, at, (ulong)length);
    }

    private static int WriteString(Span<byte> output, int at, int field, string? value)
    {
        if (string.IsNullOrEmpty(value))
            return at;
        at = WriteLength(output, at, field, Encoding.UTF8.GetByteCount(value));
        return at + Encoding.UTF8.GetBytes(value, output[at..]);
    }

    private static int WriteDouble(Span<byte> output, int at, int field, double value)
    {
        if (DoubleSize(value) == 0)
            return at;
        output[at++] = (byte)((field << 3) | Fixed64);
        BinaryPrimitives.WriteDoubleLittleEndian(output[at..], value);
        return at + 8;
    }

    private static int WriteVarint(Span<byte> output, int at, ulong value)
    {
        while (value >= 0x80)
        {
            output[at++] = (byte)(value | 0x80);
            value >>= 7;
        }

        output[at++] = (byte)value;
        return at;
    }

    private static (int Field, int Wire) ReadTag(ref ReadOnlySpan<byte> bytes)
    {
        var tag = ReadVarint(ref bytes);
        if (tag is < 8 or > uint.MaxValue)
            throw new InvalidDataException($"A protobuf field cannot have the tag {tag}.");
        return ((int)(tag >> 3), (int)(tag & 7));
    }

    private static ulong ReadVarint(ref ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (var shift = 0; shift < 70; shift += 7)
        {
            if (bytes.IsEmpty)
                throw Truncated();
            var next = bytes[0];
            bytes = bytes[1..];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
                return value;
        }

        throw new InvalidDataException("A protobuf varint is longer than ten bytes.");
    }

    private static double ReadDouble(ref ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 8)
            throw Truncated();
        var value = BinaryPrimitives.ReadDoubleLittleEndian(bytes);
        bytes = bytes[8..];
        return value;
    }

    private static ReadOnlySpan<byte> ReadBytes(ref ReadOnlySpan<byte> bytes)
    {
        var length = ReadVarint(ref bytes);
        if (length > (ulong)bytes.Length)
            throw Truncated();
        var value = bytes[..(int)length];
        bytes = bytes[(int)length..];
        return value;
    }

    /// <summary>A duration from a peer; at most a day, so that no value overflows.</summary>
    private static TimeSpan Micros(ulong value) => TimeSpan.FromMicroseconds(Math.Min(value, 86_400_000_000));

    private static string ReadString(ref ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(ReadBytes(ref bytes));

    private static T Skip<T>(ref ReadOnlySpan<byte> bytes, int wire, T unchanged)
    {
        switch (wire)
        {
            case Varint:
                ReadVarint(ref bytes);
                break;
            case Fixed64:
                ReadDouble(ref bytes);
                break;
            case Delimited:
                ReadBytes(ref bytes);
                break;
            case Fixed32 when bytes.Length >= 4:
                bytes = bytes[4..];
                break;
            case Fixed32:
                throw Truncated();
            default:
                throw new InvalidDataException($"The protobuf wire type {wire} is not supported.");
        }

        return unchanged;
    }

    private static InvalidDataException Truncated() => new("A protobuf message ends in the middle of a field.");
}
