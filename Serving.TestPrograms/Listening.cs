using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Serving.TestPrograms;

/// <summary>Servers with the host around them, for what the bare one of the samples has not.</summary>
internal static class Listening
{
    /// <summary>A server on a port of every address, or of the one that <c>LISTEN_ADDRESS</c> names.</summary>
    public static WebApplication Build(int port, Action<WebApplicationBuilder> configure, HttpProtocols protocols = HttpProtocols.Http1)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            Settings.Text("LISTEN_ADDRESS") is { Length: > 0 } address ? IPAddress.Parse(address) : IPAddress.Any, port, endpoint => endpoint.Protocols = protocols));
        configure(builder);
        return builder.Build();
    }
}
