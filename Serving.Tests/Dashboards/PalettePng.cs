using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Serving.Tests.Dashboards;

/// <summary>Makes a PNG of a browser a fraction of its size, for the repository: at most 128 colours, the most frequent ones.</summary>
internal static class PalettePng
{
    private const int MaxColors = 128;
    private const int HeaderLength = 8;

    /// <summary>Rewrites the picture. Throws <see cref="FormatException"/> for one that has not 8 bits a channel and no palette.</summary>
    public static void Shrink(string path)
    {
        var file = File.ReadAllBytes(path);
        var chunks = Chunks(file).ToList();
        var header = chunks.Single(static chunk => chunk.Type == "IHDR").Data;
        var (width, height) = (BinaryPrimitives.ReadInt32BigEndian(header), BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4)));
        var channels = (header[8], header[9]) switch
        {
            (8, 2) => 3,
            (8, 6) => 4,
            _ => throw new FormatException($"{path} has {header[8]} bits a channel and the colour type {header[9]}"),
        };
        var compressed = chunks.Where(static chunk => chunk.Type == "IDAT").SelectMany(static chunk => chunk.Data).ToArray();
        var pixels = Pixels(compressed, width, height, channels);
        var palette = pixels
            .CountBy(static pixel => pixel)
            .OrderByDescending(static one => one.Value)
            .Take(MaxColors)
            .Select(static one => one.Key)
            .ToList();
        File.WriteAllBytes(path, Encode(pixels, width, height, palette));
    }

    private static IEnumerable<(string Type, byte[] Data)> Chunks(byte[] file)
    {
        for (var at = HeaderLength; at < file.Length; )
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(at));
            yield return (Encoding.ASCII.GetString(file, at + 4, 4), file[(at + 8)..(at + 8 + length)]);
            at += length + 12;
        }
    }

    /// <summary>The colours, as 0xRRGGBB, with the filters of the lines undone.</summary>
    private static int[] Pixels(byte[] compressed, int width, int height, int channels)
    {
        using var inflated = new ZLibStream(new MemoryStream(compressed), CompressionMode.Decompress);
        var (line, above) = (new byte[width * channels], new byte[width * channels]);
        var pixels = new int[width * height];
        for (var y = 0; y < height; y++)
        {
            var filter = inflated.ReadByte();
            inflated.ReadExactly(line);
            for (var i = 0; i < line.Length; i++)
            {
                var (left, up, corner) = (i >= channels ? line[i - channels] : 0, (int)above[i], i >= channels ? above[i - channels] : 0);
                line[i] += (byte)(
                    filter switch
                    {
                        1 => left,
                        2 => up,
                        3 => (left + up) / 2,
                        4 => Paeth(left, up, corner),
                        _ => 0,
                    }
                );
            }

            for (var x = 0; x < width; x++)
            {
                pixels[(y * width) + x] = (line[x * channels] << 16) | (line[(x * channels) + 1] << 8) | line[(x * channels) + 2];
            }

            (line, above) = (above, line);
        }

        return pixels;
    }

    private static int Paeth(int left, int up, int corner)
    {
        var guess = left + up - corner;
        var (toLeft, toUp, toCorner) = (Math.Abs(guess - left), Math.Abs(guess - up), Math.Abs(guess - corner));
        return toLeft <= toUp && toLeft <= toCorner ? left
            : toUp <= toCorner ? up
            : corner;
    }

    private static byte[] Encode(int[] pixels, int width, int height, List<int> palette)
    {
        var nearest = new Dictionary<int, byte>();
        byte Index(int color) =>
            nearest.TryGetValue(color, out var known)
                ? known
                : nearest[color] = (byte)palette.IndexOf(palette.MinBy(other => Distance(color, other)));

        using var data = new MemoryStream();
        using (var deflated = new ZLibStream(data, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            for (var y = 0; y < height; y++)
            {
                deflated.WriteByte(0);
                for (var x = 0; x < width; x++)
                {
                    deflated.WriteByte(Index(pixels[(y * width) + x]));
                }
            }
        }

        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9]) = (8, 3);
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0d, 0x0a, 0x1a, 0x0a]);
        Write(file, "IHDR", header);
        Write(file, "PLTE", [.. palette.SelectMany(static color => new[] { (byte)(color >> 16), (byte)(color >> 8), (byte)color })]);
        Write(file, "IDAT", data.ToArray());
        Write(file, "IEND", []);
        return file.ToArray();
    }

    private static int Distance(int one, int other)
    {
        var (red, green, blue) = ((one >> 16) - (other >> 16), ((one >> 8) & 255) - ((other >> 8) & 255), (one & 255) - (other & 255));
        return (red * red) + (green * green) + (blue * blue);
    }

    private static void Write(MemoryStream file, string type, byte[] data)
    {
        Span<byte> number = stackalloc byte[4];
        byte[] content = [.. Encoding.ASCII.GetBytes(type), .. data];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(content);
        BinaryPrimitives.WriteUInt32BigEndian(number, Checksum(content));
        file.Write(number);
    }

    /// <summary>The CRC-32 of PNG.</summary>
    private static uint Checksum(byte[] content)
    {
        var crc = uint.MaxValue;
        foreach (var one in content)
        {
            crc ^= one;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 1 ? (crc >> 1) ^ 0xedb88320 : crc >> 1;
            }
        }

        return ~crc;
    }
}
