using System.Buffers;

namespace Serving.Dataplane.Http1;

/// <summary>Writes a response's body towards the client, who may leave at any moment.</summary>
internal static class ResponseBodyWriter
{
    /// <summary>As <c>Write</c> does, but a writer that has no room because its connection is gone is what it is, and no argument out of range.</summary>
    /// <exception cref="ClientGoneException">The client is gone.</exception>
    public static void WriteAll(this IBufferWriter<byte> writer, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var room = writer.GetSpan();
            if (room.IsEmpty) throw new ClientGoneException();
            var taken = Math.Min(room.Length, bytes.Length);
            bytes[..taken].CopyTo(room);
            writer.Advance(taken);
            bytes = bytes[taken..];
        }
    }
}
