using System.Net;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Serving.Tests.Networking.Gateway.GrpcCalls;

/// <summary>A program that serves gRPC over clear text, with raw bytes as messages.</summary>
internal sealed class GrpcProgram : IAsyncDisposable
{
    public static readonly Method<byte[], byte[]> Echo = Method(MethodType.Unary, nameof(Echo));
    public static readonly Method<byte[], byte[]> Watch = Method(MethodType.ServerStreaming, nameof(Watch));
    public static readonly Method<byte[], byte[]> Chat = Method(MethodType.DuplexStreaming, nameof(Chat));
    public static readonly Method<byte[], byte[]> Fail = Method(MethodType.Unary, nameof(Fail));
    public static readonly Method<byte[], byte[]> Wait = Method(MethodType.Unary, nameof(Wait));

    private readonly WebApplication _app;

    private GrpcProgram(WebApplication app, GrpcProgramState state) => (_app, State) = (app, state);

    public GrpcProgramState State { get; }

    public int Port =>
        new Uri(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single()).Port;

    public static async Task<GrpcProgram> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, static listen => listen.Protocols = HttpProtocols.Http2)
        );
        var state = new GrpcProgramState();
        builder.Services.AddSingleton(state);
        builder.Services.AddSingleton<IServiceMethodProvider<GrpcProgramService>, Methods>();
        builder.Services.AddGrpc(static options => options.MaxReceiveMessageSize = null);
        var app = builder.Build();
        app.Use(
            (context, next) =>
            {
                // Like a server with a maximum connection age.
                if (state.EndSessionEvery is { } every && Interlocked.Increment(ref state.Calls) % every == 0)
                    context.Features.Get<IConnectionLifetimeNotificationFeature>()!.RequestClose();
                return next(context);
            }
        );
        app.MapGrpcService<GrpcProgramService>();
        await app.StartAsync();
        return new GrpcProgram(app, state);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static Method<byte[], byte[]> Method(MethodType type, string name)
    {
        var bytes = Marshallers.Create(static bytes => bytes, static bytes => bytes);
        return new Method<byte[], byte[]>(type, "test.Program", name, bytes, bytes);
    }

    private sealed class Methods : IServiceMethodProvider<GrpcProgramService>
    {
        public void OnServiceMethodDiscovery(ServiceMethodProviderContext<GrpcProgramService> context)
        {
            context.AddUnaryMethod(Echo, [], static (service, request, call) => service.EchoAsync(request, call));
            context.AddServerStreamingMethod(Watch, [], static (service, request, responses, call) => service.WatchAsync(responses, call));
            context.AddDuplexStreamingMethod(
                Chat,
                [],
                static (service, requests, responses, call) => service.ChatAsync(requests, responses, call)
            );
            context.AddUnaryMethod(Fail, [], static (service, request, call) => service.FailAsync());
            context.AddUnaryMethod(Wait, [], static (service, request, call) => service.WaitAsync(call));
        }
    }
}
