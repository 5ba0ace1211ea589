using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Samples;

namespace Serving.TestPrograms;

/// <summary>
/// The web server of the tests. Every path returns <c>TEXT</c>, except:
/// <c>/wait</c> waits, <c>/work</c> uses CPU, <c>/host</c> returns the pod name, after
/// <c>?before=MS</c>, <c>/request</c> the request, <c>/file</c> the file
/// <c>text</c> of the volume,
/// <c>/health</c> is for probes, <c>/query</c> for probes with <c>?probe=ok</c>, <c>/probes</c> returns their number, <c>/fail</c> makes
/// them fail,
/// <c>/next</c> calls another server, <c>/once</c> fails the first request of each <c>?key=</c>, <c>/healthz</c> is not found. With
/// <c>SHOW=request</c> other paths return the request. A WebSocket upgrade on any path gives an echo.
/// </summary>
internal static class WebServer
{
    private static readonly bool Http2Only = Settings.Text("HTTP2_ONLY") == "true";
    private static readonly bool ShowsRequests = Settings.Text("SHOW") == "request";
    private static readonly ConcurrentDictionary<string, bool> Asked = new();

    /// <summary>Writes <c>WRITE</c>, if set, into the volume and serves until SIGTERM. A second port, <c>HEALTH_PORT</c>, if set, serves
    /// <c>/health</c>.</summary>
    public static async Task<int> RunAsync()
    {
        if (Settings.Text("WRITE") is { Length: > 0 } text)
        {
            await File.WriteAllTextAsync(Volume.PathOf("text"), text);
        }

        using var sockets = new EchoSockets();
        await using var health = await HealthPort.OpenAsync();
        await SampleServer.RunAsync(context => AnswerAsync(context, sockets));
        return 0;
    }

    private static Task AnswerAsync(HttpContext context, EchoSockets sockets)
    {
        if (EchoSockets.IsAsked(context))
        {
            return sockets.ServeAsync(context);
        }

        if (Http2Only && !HttpProtocol.IsHttp2(context.Request.Protocol))
        {
            context.Response.StatusCode = StatusCodes.Status426UpgradeRequired;
            return Task.CompletedTask;
        }

        switch (context.Request.Path.Value)
        {
            case "/wait":
                return WaitAsync(context);
            case "/work":
                return WorkAsync(context);
            case "/host":
                return HostAsync(context);
            case "/request":
                return WriteAsync(context, Describe(context.Request));
            case "/file":
                return WriteAsync(context, Volume.Read("text") ?? "there is no file");
            case "/health":
                Health.Answer(context);
                return Task.CompletedTask;
            case "/query":
                context.Response.StatusCode =
                    context.Request.Query["probe"] == "ok" ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest;
                return Task.CompletedTask;
            case "/probes":
                return WriteAsync(context, Health.Probes.ToString(CultureInfo.InvariantCulture));
            case "/fail":
                Health.Fail();
                return WriteAsync(context, "failing");
            case "/next":
                return Next.AskAsync(context);
            case "/once":
                context.Response.StatusCode = Asked.TryAdd(context.Request.Query["key"].ToString(), true)
                    ? StatusCodes.Status503ServiceUnavailable
                    : StatusCodes.Status200OK;
                return Task.CompletedTask;
            case "/healthz":
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return Task.CompletedTask;
            default:
                return WriteAsync(context, ShowsRequests ? Describe(context.Request) : Settings.Text("TEXT", "Hello!"));
        }
    }

    /// <summary>Waits <c>?before=MS</c> before the status and <c>?after=MS</c> before each of the <c>?parts=N</c> parts of the
    /// body.</summary>
    private static async Task WaitAsync(HttpContext context)
    {
        int Number(string name) => NumberOf(context, name);
        await Task.Delay(Number("before"), context.RequestAborted);
        await context.Response.StartAsync(context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
        for (var part = 0; part < Math.Max(1, Number("parts")); part++)
        {
            await Task.Delay(Number("after"), context.RequestAborted);
            await context.Response.Body.WriteAsync("waited\n"u8.ToArray(), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    private static async Task HostAsync(HttpContext context)
    {
        await Task.Delay(NumberOf(context, "before"), context.RequestAborted);
        await WriteAsync(context, Settings.Host);
    }

    private static int NumberOf(HttpContext context, string name) =>
        int.TryParse(context.Request.Query[name], NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 0;

    /// <summary>Uses <c>?for=MS</c> of CPU time, regardless of the elapsed time.</summary>
    private static Task WorkAsync(HttpContext context)
    {
        var enough =
            Environment.CpuUsage.TotalTime
            + TimeSpan.FromMilliseconds(int.Parse(context.Request.Query["for"].ToString(), CultureInfo.InvariantCulture));
        while (Environment.CpuUsage.TotalTime < enough)
        {
            Thread.SpinWait(10_000);
        }

        return WriteAsync(context, "worked");
    }

    private static string Describe(HttpRequest request)
    {
        var headers = new JsonObject(
            request.Headers.Select(header => KeyValuePair.Create<string, JsonNode?>(header.Key.ToLowerInvariant(), header.Value.ToString()))
        );
        return new JsonObject
        {
            ["method"] = request.Method,
            ["protocol"] = request.Protocol,
            ["host"] = request.Host.Value,
            ["headers"] = headers,
        }.ToJsonString();
    }

    private static async Task WriteAsync(HttpContext context, string text)
    {
        var body = Encoding.UTF8.GetBytes(text);
        context.Response.ContentType = "text/plain; charset=utf-8";
        context.Response.ContentLength = body.Length;
        await context.Response.Body.WriteAsync(body);
    }
}
