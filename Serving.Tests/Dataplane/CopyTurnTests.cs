using System.IO.Pipelines;
using FluentAssertions;
using NUnit.Framework;
using Serving.Dataplane.Upstreams;

namespace Serving.Tests.Dataplane;

/// <summary>A body that is always there for a destination that always takes it does not keep the thread that polls sockets.</summary>
[TestFixture]
public sealed class CopyTurnTests
{
    private const int BodyLength = 4 * 1024 * 1024;

    [Test]
    public async Task A_copy_that_never_waits_leaves_its_thread_after_each_turn()
    {
        var body = new CountedBody();
        var source = PipeReader.Create(new MemoryStream(new byte[BodyLength]), new StreamPipeReaderOptions(bufferSize: 16 * 1024));

        var copying = body.CopyAllAsync(source);

        body.SentBy(Environment.CurrentManagedThreadId).Should().BeInRange(CopyTurn.Bytes, 2 * CopyTurn.Bytes);
        (await copying).Should().BeTrue();
        body.Sent.Should().Be(BodyLength);
    }

    private sealed class CountedBody : RequestBody
    {
        private readonly List<(int Thread, int Bytes)> _sent = [];

        public long Sent => _sent.Sum(static one => (long)one.Bytes);

        /// <summary>The bytes sent by a thread before any other one.</summary>
        public long SentBy(int thread)
        {
            lock (_sent)
                return _sent.TakeWhile(one => one.Thread == thread).Sum(static one => (long)one.Bytes);
        }

        public Task<bool> CopyAllAsync(PipeReader source)
        {
            Begin(keep: false);
            return CopyAsync(source);
        }

        protected override ValueTask SendAsync(ReadOnlyMemory<byte> part)
        {
            lock (_sent)
                _sent.Add((Environment.CurrentManagedThreadId, part.Length));
            return default;
        }
    }
}
