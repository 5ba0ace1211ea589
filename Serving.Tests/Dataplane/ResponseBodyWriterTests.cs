using System.Buffers;
using FluentAssertions;
using NUnit.Framework;
using Serving.Dataplane.Upstreams.Http1;

namespace Serving.Tests.Dataplane;

public sealed class ResponseBodyWriterTests
{
    [Test]
    public void All_is_written_whatever_room_there_is_at_once()
    {
        var writer = new Pieces(room: 3, most: 100);

        writer.WriteAll("0123456789"u8);

        writer.Written.Should().Equal("0123456789"u8.ToArray());
    }

    [Test]
    public void A_writer_without_room_belongs_to_a_client_that_is_gone()
    {
        // Like Kestrel's writer when the connection breaks between two writes of a response.
        var writer = new Pieces(room: 3, most: 6);

        var writing = () => writer.WriteAll("0123456789"u8);

        writing.Should().Throw<ClientGoneException>();
    }

    private sealed class Pieces(int room, int most) : IBufferWriter<byte>
    {
        private readonly byte[] _piece = new byte[room];

        public List<byte> Written { get; } = [];

        public void Advance(int count) => Written.AddRange(_piece[..count]);

        public Memory<byte> GetMemory(int sizeHint = 0) => Written.Count < most ? _piece : default(Memory<byte>);

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}
