using Microsoft.AspNetCore.Builder;

namespace Serving.TestPrograms;

/// <summary>A port with only <c>/health</c>, if <c>HEALTH_PORT</c> is set.</summary>
internal sealed class HealthPort : IAsyncDisposable
{
    private readonly WebApplication? _server;

    private HealthPort(WebApplication? server) => _server = server;

    /// <summary>Opens the port if it is configured.</summary>
    public static async Task<HealthPort> OpenAsync()
    {
        if (Settings.Number("HEALTH_PORT") is not (> 0 and var port))
        {
            return new HealthPort(null);
        }

        var server = Listening.Build(port, static _ => { });
        server.Run(static context =>
        {
            Health.Answer(context);
            return Task.CompletedTask;
        });
        await server.StartAsync();
        return new HealthPort(server);
    }

    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? ValueTask.CompletedTask;
}
