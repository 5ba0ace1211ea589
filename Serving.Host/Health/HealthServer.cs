using System.Net;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.Dataplane;

namespace Serving.Host.Health;

/// <summary>
/// Answers <c>/readyz</c> and <c>/livez</c> on a port of its own, in the form of Kubernetes' own components: <c>ok</c>, or a line for
/// each part when something is wrong or <c>?verbose</c> is asked for.
/// </summary>
internal sealed class HealthServer : IAsyncDisposable
{
    private readonly IProcessHealth health;
    private readonly DataplaneServer server;

    /// <param name="address">Where to listen; port 0 takes any.</param>
    /// <param name="health">Knows the answers.</param>
    /// <param name="loggers">Where to log.</param>
    public HealthServer(IPEndPoint address, IProcessHealth health, ILoggerFactory loggers)
    {
        this.health = health;
        server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new DataplaneEndpoint(address.Address, address.Port)], MaxConnections = 100, LoggerFactory = loggers }, AnswerAsync);
    }

    /// <summary>Where it listens, once started.</summary>
    public IPEndPoint EndPoint => server.Endpoints[0];

    /// <summary>Listens. Throws <see cref="UserErrorException"/> when the address is in use.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        try
        {
            await server.StartAsync(cancellation);
        }
        catch (IOException failure)
        {
            throw new UserErrorException($"the probes cannot be answered: {failure.Message}", failure);
        }
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var name = context.Request.Path.Value?.Trim('/');
        if (name is not ("readyz" or "livez"))
        {
            await Dataplane.Requests.PlainText.WriteErrorAsync(context, StatusCodes.Status404NotFound, "there are only /readyz and /livez here");
            return;
        }

        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            await Dataplane.Requests.PlainText.WriteErrorAsync(context, StatusCodes.Status405MethodNotAllowed, "a probe comes by GET or HEAD", header: new("Allow", "GET, HEAD"));
            return;
        }

        var checks = name == "readyz" ? health.Readiness : health.Liveness;
        var passed = checks.All(check => check.Problem is null);
        var body = Encoding.UTF8.GetBytes(passed && !context.Request.Query.ContainsKey("verbose") ? "ok" : Describe(name, checks, passed));
        context.Response.StatusCode = passed ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentLength = body.Length;
        if (HttpMethods.IsGet(context.Request.Method))
        {
            await context.Response.Body.WriteAsync(body, context.RequestAborted);
        }
    }

    private static string Describe(string name, IReadOnlyList<HealthCheck> checks, bool passed)
    {
        var text = new StringBuilder();
        foreach (var (part, problem, remark) in checks)
        {
            text.Append((problem, remark) switch
            {
                (null, null) => $"[+]{part} ok\n",
                (null, _) => $"[+]{part} ok ({remark.ReplaceLineEndings(" ")})\n",
                _ => $"[-]{part} failed: {problem.ReplaceLineEndings(" ")}\n",
            });
        }

        return text.Append(passed ? $"{name} check passed\n" : $"{name} check failed\n").ToString();
    }
}
