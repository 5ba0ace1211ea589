using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Serving.Api.Core;

namespace Serving.ConfigMaps;

/// <summary>The <c>_example</c> key of a ConfigMap: documentation only, protected by a checksum against edits by mistake.</summary>
public static partial class ExampleBlock
{
    /// <summary>The key of the documentation.</summary>
    public const string Key = "_example";

    /// <summary>The annotation with the checksum of the documentation.</summary>
    public const string ChecksumAnnotation = "knative.dev/example-checksum";

    /// <summary>The checksum of an example: CRC-32 in 8 hex digits, ignoring surrounding white space and empty lines.</summary>
    public static string Checksum(string example)
    {
        ArgumentNullException.ThrowIfNull(example);

        // Runs of line feeds are replaced by the two characters "\n", as in the published checksums.
        var normal = Newlines().Replace(example.Trim(), @"\n");
        return Crc32(Encoding.UTF8.GetBytes(normal)).ToString("x8", CultureInfo.InvariantCulture);
    }

    /// <summary>Throws <see cref="ConfigMapException"/> when the example does not match its checksum.</summary>
    public static void Check(ConfigMap map)
    {
        ArgumentNullException.ThrowIfNull(map);
        if (
            map.Data.TryGetValue(Key, out var example)
            && map.Metadata.Annotations.TryGetValue(ChecksumAnnotation, out var sum)
            && sum != Checksum(example)
        )
        {
            throw new ConfigMapException(
                map.Metadata.Name,
                Key,
                "the update modifies a key in \"_example\" which is probably not what you want. Instead, copy the respective setting to the top-level of the ConfigMap, directly below \"data\""
            );
        }
    }

    /// <summary>CRC-32 (IEEE), bit by bit: examples are small and rarely checked.</summary>
    private static uint Crc32(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var octet in data)
        {
            crc ^= octet;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xEDB88320u;
        }

        return ~crc;
    }

    [GeneratedRegex("(?:\r?\n)+")]
    private static partial Regex Newlines();
}
