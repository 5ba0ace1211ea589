using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Serving.Tests.Networking.Istio.DataPlane;

/// <summary>A revision's pod: it responds to network probes as the queue-proxy does, and to all else with what it got.</summary>
internal sealed class EchoBackend(string name) : IAsyncDisposable
{
    private WebApplication _pod = null!;

    public IPEndPoint Address => new(IPAddress.Loopback, new Uri(_pod.Urls.Single()).Port);

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _pod = builder.Build();
        _pod.Run(RespondAsync);
        await _pod.StartAsync();
    }

    public ValueTask DisposeAsync() => _pod.DisposeAsync();

    private async Task RespondAsync(HttpContext context)
    {
        if (context.Request.Headers["K-Network-Probe"] == "probe")
        {
            context.Response.Headers["K-Network-Hash"] = context.Request.Headers["K-Network-Hash"];
            return;
        }

        var headers = context.Request.Headers.ToDictionary(static header => header.Key, static header => header.Value.ToString());
        await context.Response.WriteAsync(
            JsonSerializer.Serialize(new Echo(name, context.Request.Host.Value!, context.Request.Path, headers))
        );
    }
}

/// <summary>A request as a pod got it.</summary>
internal sealed record Echo(string Backend, string Host, string Path, Dictionary<string, string> Headers);
