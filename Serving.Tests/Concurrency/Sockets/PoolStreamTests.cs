using FluentAssertions;
using NUnit.Framework;
using Serving.Concurrency.Sockets;

namespace Serving.Tests.Concurrency.Sockets;

public sealed class PoolStreamTests
{
    private readonly byte[] _buffer = new byte[8];

    [Test]
    public async Task A_read_continues_on_the_pool_wherever_it_completes()
    {
        var inner = new ManualStream();
        await using var stream = new PoolStream(inner);
        var reading = ContinuesOnPoolAsync(stream.ReadAsync(_buffer).AsTask());

        inner.CompleteOnItsOwnThread(static pending => pending.SetResult(3));

        (await reading).Should().BeTrue();
    }

    [Test]
    public async Task A_read_that_fails_continues_on_the_pool_too()
    {
        var inner = new ManualStream();
        await using var stream = new PoolStream(inner);
        var reading = ContinuesOnPoolAsync(stream.ReadAsync(_buffer).AsTask());

        inner.CompleteOnItsOwnThread(static pending => pending.SetException(new IOException("reset")));

        (await reading).Should().BeTrue();
    }

    [Test]
    public async Task A_write_continues_on_the_pool()
    {
        var inner = new ManualStream();
        await using var stream = new PoolStream(inner);
        var writing = ContinuesOnPoolAsync(stream.WriteAsync(_buffer).AsTask());

        inner.CompleteOnItsOwnThread(static pending => pending.SetResult(0));

        (await writing).Should().BeTrue();
    }

    [Test]
    public async Task After_ContinueDirectly_a_read_continues_where_it_completes()
    {
        var inner = new ManualStream();
        await using var stream = new PoolStream(inner);
        stream.ContinueDirectly();
        var reading = ContinuesOnPoolAsync(stream.ReadAsync(_buffer).AsTask());

        inner.CompleteOnItsOwnThread(static pending => pending.SetResult(3));

        (await reading).Should().BeFalse();
    }

    [Test]
    public void A_read_that_completes_at_once_stays_on_its_thread()
    {
        var inner = new ManualStream();
        using var stream = new PoolStream(inner);
        inner.Pending.SetResult(3);

        stream.ReadAsync(_buffer).AsTask().IsCompletedSuccessfully.Should().BeTrue();
    }

    /// <summary>Whether what awaits the operation continues on a thread of the pool.</summary>
    private static async Task<bool> ContinuesOnPoolAsync(Task operation)
    {
        // NUnit's context would take the continuation elsewhere.
        await operation.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return Thread.CurrentThread.IsThreadPoolThread;
    }

    /// <summary>A stream with one pending operation, whose continuations run where it is completed, as those of sockets do.</summary>
    private sealed class ManualStream : MemoryStream
    {
        public TaskCompletionSource<int> Pending { get; } = new();

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Pending.Task);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            await Pending.Task;

        /// <summary>Completes it on a thread that is not of the pool.</summary>
        public void CompleteOnItsOwnThread(Action<TaskCompletionSource<int>> complete)
        {
            var thread = new Thread(() => complete(Pending));
            thread.Start();
            thread.Join();
        }
    }
}
