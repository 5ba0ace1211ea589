using Microsoft.AspNetCore.Builder;

namespace Serving.TestPrograms;

/// <summary>A port that has nothing but <c>/health</c>, where <c>HEALTH_PORT</c> names one.</summary>
internal sealed class HealthPort : IAsyncDisposable
{
    private readonly WebApplication? server;

    private HealthPort(WebApplication? server) => this.server = server;

    /// <summary>Opens it, where one is asked for.</summary>
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

    public ValueTask DisposeAsync() => server?.DisposeAsync() ?? ValueTask.CompletedTask;
}
