using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Serving.Kubernetes.Hosting;
using Serving.StatusPages.Http;

namespace Serving.Host.Health;

/// <summary>
/// <c>/readyz</c> and <c>/livez</c> on their own port, in the format of Kubernetes' own components: <c>ok</c>, or a line for each part when
/// one fails or with <c>?verbose</c>.
/// </summary>
internal static class HealthEndpoints
{
    private const string Ready = "readyz";
    private const string Live = "livez";

    /// <summary>Adds the probes: a health check for each part of the registered <see cref="IProcessHealth"/>, and the port that serves
    /// them.</summary>
    /// <param name="services">Contains the health.</param>
    /// <param name="address">The address of the port.</param>
    /// <param name="pages">Whether the port also serves the registered <see cref="StatusEndpoints"/>.</param>
    public static IServiceCollection AddProbes(this IServiceCollection services, IPEndPoint address, bool pages = false)
    {
        services.AddHealthChecks();
        services
            .AddOptions<HealthCheckServiceOptions>()
            .Configure<IProcessHealth>(
                static (options, health) =>
                {
                    foreach (var part in health.Parts)
                    {
                        options.Registrations.Add(Registration(Ready, part, health.Readiness));
                        options.Registrations.Add(Registration(Live, part, health.Liveness));
                    }
                }
            );
        return services.AddPort(provider => new ServingPort("health", address)
        {
            NotFound = pages
                ? "there are only /readyz, /livez and the status pages at /status here"
                : "there are only /readyz and /livez here",
            NotAllowed = "only GET and HEAD are allowed",
            Serve = port =>
            {
                var health = provider.GetRequiredService<IProcessHealth>();
                port.UseRouting();
                port.UseEndpoints(endpoints =>
                {
                    Map(endpoints, Ready, health.Readiness);
                    Map(endpoints, Live, health.Liveness);
                    if (pages)
                    {
                        provider.GetRequiredService<StatusEndpoints>().Map(endpoints);
                    }
                });
            },
        });
    }

    private static HealthCheckRegistration Registration(string probe, string part, Func<string, PartHealth?> ask) =>
        new(NameOf(probe, part), new PartHealthCheck(part, ask), failureStatus: null, tags: [probe]);

    private static void Map(IEndpointRouteBuilder endpoints, string probe, Func<string, PartHealth?> ask) =>
        endpoints
            .MapHealthChecks(
                "/" + probe,
                new HealthCheckOptions
                {
                    // Parts without a health yet, such as modules before their start, are left out.
                    Predicate = registration => registration.Tags.Contains(probe) && ask(PartOf(probe, registration.Name)) is not null,
                    ResponseWriter = (context, report) => WriteAsync(context, probe, report),

                    // The response writer sets Cache-Control itself.
                    AllowCachingResponses = true,
                }
            )
            .WithMetadata(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Head]));

    private static string NameOf(string probe, string part) => $"{probe}/{part}";

    private static string PartOf(string probe, string name) => name[(probe.Length + 1)..];

    private static Task WriteAsync(HttpContext context, string probe, HealthReport report)
    {
        var passed = report.Status != HealthStatus.Unhealthy;
        var body = Encoding.UTF8.GetBytes(passed && !context.Request.Query.ContainsKey("verbose") ? "ok" : Describe(probe, report, passed));
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentLength = body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    private static string Describe(string probe, HealthReport report, bool passed)
    {
        var text = new StringBuilder();
        foreach (var (name, check) in report.Entries)
        {
            var part = PartOf(probe, name);
            text.Append(
                (check.Status, check.Description) switch
                {
                    (HealthStatus.Healthy, null) => $"[+]{part} ok\n",
                    (HealthStatus.Healthy, var remark) => $"[+]{part} ok ({remark.ReplaceLineEndings(" ")})\n",
                    (_, var problem) => $"[-]{part} failed: {(problem ?? check.Exception?.Message ?? "").ReplaceLineEndings(" ")}\n",
                }
            );
        }

        return text.Append(passed ? $"{probe} check passed\n" : $"{probe} check failed\n").ToString();
    }
}
