using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Client.Handlers;

namespace Serving.Tests.Kubernetes.Client.Handlers;

public sealed class AttemptHandlerTests
{
    [Test]
    public async Task A_response_is_read_without_holding_a_thread()
    {
        using var invoker = Invoker(new byte[64 * 1024]);
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://server/api/v1/pods");

        using var response = await invoker.SendAsync(request, CancellationToken.None);

        // What the package does with it: a synchronous read, of memory by now.
        using var stream = response.Content.ReadAsStream();
        stream.Length.Should().Be(64 * 1024);
        stream.Read(new byte[10], 0, 10).Should().Be(10);
    }

    [TestCase("http://server/api/v1/pods?limit=500&watch=true")]
    [TestCase("http://server/api/v1/namespaces/a/pods/x/log?follow=true")]
    public async Task A_stream_is_handed_out_as_it_comes(string address)
    {
        using var invoker = Invoker(new byte[64 * 1024]);
        using var request = new HttpRequestMessage(HttpMethod.Get, address);

        using var response = await invoker.SendAsync(request, CancellationToken.None);

        await using var stream = await response.Content.ReadAsStreamAsync();
        var read = () => stream.Read(new byte[10], 0, 10);
        read.Should().Throw<NotSupportedException>("nothing of it was read before");
    }

    private static HttpMessageInvoker Invoker(byte[] body) =>
        new(new AttemptHandler(new ClusterClientOptions(), TimeProvider.System) { InnerHandler = new Server(body) });

    private sealed class Server(byte[] body) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            Task.FromResult(new HttpResponseMessage(HttpStatusCode.OK) { Content = new StreamContent(new AsynchronousStream(body)) });
    }

    /// <summary>A connection: reading it synchronously would hold the thread until the server has sent.</summary>
    private sealed class AsynchronousStream(byte[] body) : Stream
    {
        private int _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("a synchronous read");

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Yield();
            var count = Math.Min(buffer.Length, body.Length - _read);
            body.AsSpan(_read, count).CopyTo(buffer.Span);
            _read += count;
            return count;
        }

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
