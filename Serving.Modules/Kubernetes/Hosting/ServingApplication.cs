using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Serving.Kubernetes.Hosting;

/// <summary>
/// The ASP.NET Core application of a process: one host for its modules and one Kestrel for its ports. Built with the empty builder, because
/// none of the defaults (files, environment, event log, console) is used.
/// </summary>
public static class ServingApplication
{
    /// <summary>The largest body of any port: an admission review.</summary>
    private const long MaxBody = 3 * 1024 * 1024;

    /// <summary>Creates a builder whose application listens on every registered <see cref="ServingPort"/>.</summary>
    /// <param name="loggers">Creates all loggers; it is not disposed with the application.</param>
    /// <param name="gracePeriod">The limit of the whole shutdown; what is left then is aborted.</param>
    public static WebApplicationBuilder CreateBuilder(ILoggerFactory loggers, TimeSpan? gracePeriod = null)
    {
        ArgumentNullException.ThrowIfNull(loggers);
        var builder = WebApplication.CreateEmptyBuilder(
            new WebApplicationOptions { ApplicationName = "Serving.Host", ContentRootPath = AppContext.BaseDirectory }
        );
        builder.Services.AddSingleton(loggers);
        builder.Services.AddSingleton<IHostLifetime, SessionLifetime>();
        builder.Services.AddSingleton<PortListeners>();
        builder.Services.AddRoutingCore();
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = gracePeriod ?? Timeout.InfiniteTimeSpan);
        builder
            .WebHost.UseKestrelCore()
            .UseKestrelHttpsConfiguration()
            .ConfigureKestrel(kestrel =>
            {
                kestrel.AddServerHeader = false;
                kestrel.Limits.MaxRequestBodySize = MaxBody;
                foreach (var port in kestrel.ApplicationServices.GetServices<ServingPort>().Where(static port => port.Address is not null))
                {
                    kestrel.Listen(port.Address!, listener => port.Configure(listener, loggers));
                }

                kestrel.ApplicationServices.GetRequiredService<PortListeners>().Configure(kestrel, loggers);
            });
        return builder;
    }

    /// <summary>Builds the application and the pipeline of each port.</summary>
    public static WebApplication BuildWithPorts(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var application = builder.Build();
        foreach (var port in application.Services.GetServices<ServingPort>())
        {
            port.Build(application);
        }

        application.Run(ServingPort.HandleAsync);
        return application;
    }

    /// <summary>The session that created the application starts and stops it, and handles signals.</summary>
    private sealed class SessionLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
