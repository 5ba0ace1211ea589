using Grpc.Core;

namespace Serving.Tests.Networking.Gateway.GrpcCalls;

/// <summary>The methods of a <see cref="GrpcProgram"/>.</summary>
internal sealed class GrpcProgramService(GrpcProgramState state)
{
    public async Task<byte[]> EchoAsync(byte[] request, ServerCallContext call)
    {
        await call.WriteResponseHeadersAsync(new Metadata { { "x-first", call.RequestHeaders.GetValue("x-mine") ?? "" } });
        call.ResponseTrailers.Add("x-last", "2");
        call.ResponseTrailers.Add("x-last-bin", [0, 1, 255]);
        return request;
    }

    public async Task WatchAsync(IServerStreamWriter<byte[]> responses, ServerCallContext call)
    {
        await call.WriteResponseHeadersAsync([]);
        await state.Go.Task.WaitAsync(call.CancellationToken);
        await responses.WriteAsync([1], call.CancellationToken);
    }

    public async Task ChatAsync(IAsyncStreamReader<byte[]> requests, IServerStreamWriter<byte[]> responses, ServerCallContext call)
    {
        while (await requests.MoveNext(call.CancellationToken))
            await responses.WriteAsync(requests.Current, call.CancellationToken);
    }

    public Task<byte[]> FailAsync() =>
        throw new RpcException(new Status(StatusCode.NotFound, "no such thing: é"), new Metadata { { "x-why", "because" } });

    public async Task<byte[]> WaitAsync(ServerCallContext call)
    {
        state.Waiting.TrySetResult();
        try
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, call.CancellationToken);
        }
        finally
        {
            state.Cancelled.TrySetResult();
        }

        return [];
    }
}
