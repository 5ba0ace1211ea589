using Grpc.Core;
using Serving.TestPrograms.Ping;

namespace Serving.TestPrograms;

/// <summary>Echoes messages, with the name of its pod.</summary>
internal sealed class PingService : Pinger.PingerBase
{
    public override Task<PingReply> Ping(PingRequest request, ServerCallContext context) => ReplyAsync(request, context.CancellationToken);

    public override async Task PingStream(
        IAsyncStreamReader<PingRequest> requestStream,
        IServerStreamWriter<PingReply> responseStream,
        ServerCallContext context
    )
    {
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            await responseStream.WriteAsync(await ReplyAsync(request, context.CancellationToken), context.CancellationToken);
        }
    }

    private static async Task<PingReply> ReplyAsync(PingRequest request, CancellationToken cancellation)
    {
        await Task.Delay(request.DelayMilliseconds, cancellation);
        return new PingReply { Text = request.Text, Host = Settings.Host };
    }
}
