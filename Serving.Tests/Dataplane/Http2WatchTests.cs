using System.Buffers;
using System.IO.Pipelines;
using FluentAssertions;
using Microsoft.AspNetCore.Connections;
using NUnit.Framework;
using Serving.Benchmarks.Soak;
using Serving.Dataplane.Servers;

namespace Serving.Tests.Dataplane;

/// <summary>How much of a connection's bytes is passed on at once.</summary>
[TestFixture]
public sealed class Http2WatchTests
{
    private static readonly byte[] Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray();

    [TestCase(int.MaxValue)]
    [TestCase(7)]
    public async Task Requests_that_arrive_together_are_passed_on_eight_at_a_time_and_nothing_is_lost(int segment)
    {
        var request = RawHttp2.Frame(1, RawHttp2.EndStream | RawHttp2.EndHeaders, 1, RawHttp2.Literals((":method", "GET")));
        byte[] data = RawHttp2.Frame(0, 0, 1, new byte[100]);
        byte[] sent = [.. Preface, .. Enumerable.Repeat(request, 20).SelectMany(static one => one), .. data, .. request[..5]];
        var pipe = new Pipe();
        foreach (var part in sent.Chunk(Math.Min(segment, sent.Length)))
        {
            // A segment of its own.
            await pipe.Writer.WriteAsync(part);
        }

        using var decoding = new HeadDecoding(new HeadBudget(1024 * 1024));
        using var watch = new Http2Watch(
            new DefaultConnectionContext { Transport = new Duplex(pipe) },
            TimeSpan.FromSeconds(30),
            new UnfinishedHeads(4),
            decoding,
            TimeProvider.System
        );
        var lengths = new List<long>();
        var received = new List<byte>();

        while (received.Count < sent.Length)
        {
            var read = await watch.ReadAsync();
            lengths.Add(read.Buffer.Length);
            received.AddRange(read.Buffer.ToArray());
            watch.AdvanceTo(read.Buffer.End);
        }

        lengths.Should().Equal(Preface.Length + (8 * request.Length), 8 * request.Length, (4 * request.Length) + data.Length + 5);
        received.Should().Equal(sent);
    }

    private sealed class Duplex(Pipe pipe) : IDuplexPipe
    {
        public PipeReader Input => pipe.Reader;

        public PipeWriter Output => pipe.Writer;
    }
}
