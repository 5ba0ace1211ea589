using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Serving.TestPrograms;

/// <summary>Servers with the generic host, for features that the bare server of the samples does not have.</summary>
internal static class Listening
{
    /// <summary>A server on a port of all addresses, or of <c>LISTEN_ADDRESS</c>.</summary>
    public static WebApplication Build(int port, Action<WebApplicationBuilder> configure, HttpProtocols protocols = HttpProtocols.Http1)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(
                Settings.Text("LISTEN_ADDRESS") is { Length: > 0 } address ? IPAddress.Parse(address) : IPAddress.Any,
                port,
                endpoint => endpoint.Protocols = protocols
            )
        );
        configure(builder);
        return builder.Build();
    }
}
