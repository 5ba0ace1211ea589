using System.Net;
using System.Runtime.InteropServices;
using Serving.Dataplane.Servers;

namespace Serving.Benchmarks;

/// <summary>A user program with minimal overhead, to measure a proxy in front of it.</summary>
internal static class UserContainer
{
    private static readonly byte[] Body = "Hello World!\n"u8.ToArray();

    /// <summary>Serves on <paramref name="port"/> of the loopback address until SIGTERM.</summary>
    public static async Task RunAsync(int port)
    {
        var ended = new TaskCompletionSource();
        using var signal = PosixSignalRegistration.Create(
            PosixSignal.SIGTERM,
            context =>
            {
                context.Cancel = true;
                ended.TrySetResult();
            }
        );
        await using var server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, port)] },
            static context =>
            {
                context.Response.ContentType = "text/plain";
                context.Response.ContentLength = Body.Length;
                return context.Response.Body.WriteAsync(Body).AsTask();
            }
        );
        await server.StartAsync(CancellationToken.None);
        await ended.Task;
    }
}
