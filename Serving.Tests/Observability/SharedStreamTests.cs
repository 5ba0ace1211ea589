using System.Text;
using FluentAssertions;
using NUnit.Framework;
using Serving.Observability;
using Serving.Observability.Logging;

namespace Serving.Tests.Observability;

public sealed class SharedStreamTests
{
    [Test]
    public async Task Lines_of_several_writers_are_not_mixed()
    {
        using var pieces = new PieceWise();
        using var output = new SharedStream(pieces);
        var writing = Task.Run(() =>
        {
            for (var i = 0; i < 200; i++)
                output.Write("a span of some length\n"u8);
        });
        using (var one = new LineWriter(output, 1000))
        using (var other = new LineWriter(output, 1000))
        {
            for (var i = 0; i < 200; i++)
            {
                one.Write("a request of some length\n"u8.ToArray());
                other.Write("an access of some length\n"u8.ToArray());
            }

            await writing;
        }

        var lines = Encoding.UTF8.GetString(pieces.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Should().HaveCount(600);
        lines.Distinct().Should().BeEquivalentTo("a span of some length", "a request of some length", "an access of some length");
    }

    /// <summary>Takes a byte at a time, as a pipe that is nearly full.</summary>
    private sealed class PieceWise : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            foreach (var one in buffer)
            {
                WriteByte(one);
                Thread.Yield();
            }
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
    }
}
