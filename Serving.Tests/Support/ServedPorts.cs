using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Kubernetes.Hosting;

namespace Serving.Tests.Support;

/// <summary>The application of a process with a few ports and nothing else.</summary>
internal sealed class ServedPorts : IAsyncDisposable
{
    private readonly WebApplication _application;

    private ServedPorts(WebApplication application) => _application = application;

    /// <summary>Opens and closes the ports without an address.</summary>
    public PortListeners Listeners => _application.Services.GetRequiredService<PortListeners>();

    /// <summary>Where a port listens.</summary>
    public System.Net.IPEndPoint this[string name] =>
        _application.Services.GetServices<ServingPort>().Single(port => port.Name == name).EndPoint!;

    /// <summary>Serves ports.</summary>
    public static Task<ServedPorts> StartAsync(params ServingPort[] ports) =>
        StartAsync(services =>
        {
            foreach (var port in ports)
            {
                services.AddPort(_ => port);
            }
        });

    /// <summary>Serves the ports of services.</summary>
    public static async Task<ServedPorts> StartAsync(Action<IServiceCollection> add, ILoggerFactory? loggers = null)
    {
        var builder = ServingApplication.CreateBuilder(loggers ?? NullLoggerFactory.Instance, TimeSpan.FromSeconds(10));
        add(builder.Services);
        var application = builder.BuildWithPorts();
        await application.StartAsync();
        return new ServedPorts(application);
    }

    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync();
        await _application.DisposeAsync();
    }
}
