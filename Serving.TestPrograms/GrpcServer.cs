using System.Globalization;
using Grpc.Health.V1;
using Grpc.HealthCheck;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Serving.TestPrograms;

/// <summary>A gRPC server with <see cref="PingService"/> and the health service for probes. HTTP/2 without TLS.</summary>
internal static class GrpcServer
{
    /// <summary>Serves on <c>PORT</c> until SIGTERM.</summary>
    public static async Task<int> RunAsync()
    {
        var health = new HealthServiceImpl();
        health.SetStatus("", HealthCheckResponse.Types.ServingStatus.Serving);
        var port = int.Parse(Settings.Text("PORT", "8080"), CultureInfo.InvariantCulture);
        await using var server = Listening.Build(
            port,
            builder =>
            {
                builder.Services.AddGrpc();
                builder.Services.AddSingleton(health);
            },
            HttpProtocols.Http2
        );
        server.MapGrpcService<PingService>();
        server.MapGrpcService<HealthServiceImpl>();
        server.MapGet("/", static context => context.Response.WriteAsync(Settings.Text("TEXT", "Hello!")));
        await server.RunAsync();
        return 0;
    }
}
