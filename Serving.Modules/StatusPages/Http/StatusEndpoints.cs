using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Requests;
using Serving.StatusPages.Components;
using Serving.StatusPages.Models;
using Serving.StatusPages.Pages;
using Serving.StatusPages.Sources;

namespace Serving.StatusPages.Http;

/// <summary>
/// The status pages as endpoints of a port, each as HTML or JSON of one model. Invariants: only GET and HEAD; every page has the headers of
/// <see cref="Protect"/>; at most <see cref="MostAtOnce"/> pages are made at the same time, so that a person who keeps a key pressed takes
/// no processor from the requests that the process serves.
/// </summary>
public sealed class StatusEndpoints : IAsyncDisposable
{
    private const int MostAtOnce = 2;

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private readonly StatusSources _sources;
    private readonly ILoggerFactory _loggers;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly ServiceProvider _services = new ServiceCollection().BuildServiceProvider();
    private readonly SemaphoreSlim _turns = new(MostAtOnce, MostAtOnce);
    private readonly ProcessBuilder _process;

    /// <param name="sources">What the pages read.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="time">The clock.</param>
    public StatusEndpoints(StatusSources sources, ILoggerFactory loggers, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentNullException.ThrowIfNull(loggers);
        ArgumentNullException.ThrowIfNull(time);
        (_sources, _loggers, _time) = (sources, loggers, time);
        _logger = loggers.CreateLogger<StatusEndpoints>();
        _process = new ProcessBuilder(sources, time);
    }

    /// <summary>Adds the endpoints.</summary>
    public void Map(IEndpointRouteBuilder endpoints)
    {
        Add("", query => new OverviewBuilder(_sources.Caches).Build(query.Overview()), "namespace", "name", "state", "page");
        AddObject("/services/{ns}/{name}", new ServiceBuilder(_sources.Caches).Build);
        AddObject("/revisions/{ns}/{name}", new RevisionBuilder(_sources.Caches).Build);
        AddObject("/revisions/{ns}/{name}/autoscaler", new ScalingBuilder(_sources.Caches, _sources.Scaling, _time).Build);
        Add("/routes", query => new RoutesBuilder(_sources.Routes).Build(query.Text("host"), query.Text("path")), "host", "path");
        Add("/leaders", _ => _process.Leaders());
        Add("/queues", _ => _process.Queues());
        Add("/informers", _ => _process.Informers());
        Add("/configuration", _ => _process.Configuration());
        Add("/health", _ => _process.Health());
        Add("/{**rest}", static _ => ProblemPage.NotFound("There is no such page."));

        void Add(string path, Func<RequestQuery, StatusPage> build, params string[] kept) =>
            endpoints.MapMethods(Links.Root + path, [HttpMethods.Get, HttpMethods.Head], context => HandleAsync(context, build, kept));

        void AddObject(string path, Func<string, string, StatusPage> build) =>
            endpoints.MapMethods(
                Links.Root + path,
                [HttpMethods.Get, HttpMethods.Head],
                context => HandleAsync(context, _ => build(Value(context, "ns"), Value(context, "name")), [])
            );
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _turns.Dispose();
        return _services.DisposeAsync();
    }

    private static string Value(HttpContext context, string name) => context.Request.RouteValues[name] as string ?? "";

    private async Task HandleAsync(HttpContext context, Func<RequestQuery, StatusPage> build, IReadOnlyList<string> kept)
    {
        Protect(context.Response.Headers);
        if (LocalGuard.Refusal(context) is { } refusal)
        {
            await PlainText.WriteErrorAsync(context, StatusCodes.Status403Forbidden, refusal);
            return;
        }

        var query = new RequestQuery(context.Request);
        Made made;
        await _turns.WaitAsync(context.RequestAborted);
        try
        {
            made = await MakeAsync(context.Request.Path.ToUriComponent(), query, build, kept);
        }
        finally
        {
            // Before the response is sent: a client that reads slowly keeps nobody else waiting.
            _turns.Release();
        }

        await WriteAsync(context, made);
    }

    private async Task<Made> MakeAsync(string path, RequestQuery query, Func<RequestQuery, StatusPage> build, IReadOnlyList<string> kept)
    {
        var isJson = query.IsJson();
        var refresh = query.Refresh;
        var page = Build(query, build);
        if (isJson)
        {
            return new Made(
                page.StatusCode,
                "application/json; charset=utf-8",
                JsonSerializer.SerializeToUtf8Bytes(page, page.GetType(), Json)
            );
        }

        var process = _sources.Process.Read();
        var shown = new PageContext(path, query.Kept(kept), refresh, _time.GetUtcNow(), process.Pod, process.Version);
        return new Made(page.StatusCode, "text/html; charset=utf-8", await RenderAsync(shown, page, process.Namespace));
    }

    /// <summary>A page that cannot be made is an error of ours; it is logged, and the others still work.</summary>
    private StatusPage Build(RequestQuery query, Func<RequestQuery, StatusPage> build)
    {
        try
        {
            var page = build(query);
            return query.Problem is { } problem ? ProblemPage.Invalid(problem) : page;
        }
        catch (Exception failure)
        {
            _logger.LogError(failure, "A status page could not be made");
            return ProblemPage.Failed("The page could not be made. The log of the process has the reason.");
        }
    }

    private async Task<byte[]> RenderAsync(PageContext context, StatusPage page, string systemNamespace)
    {
        await using var renderer = new HtmlRenderer(_services, _loggers);
        var parameters = ParameterView.FromDictionary(
            new Dictionary<string, object?>
            {
                [nameof(PageView.Context)] = context,
                [nameof(PageView.Model)] = page,
                [nameof(PageView.SystemNamespace)] = systemNamespace,
            }
        );
        return await renderer.Dispatcher.InvokeAsync(async () =>
        {
            var root = await renderer.RenderComponentAsync<PageView>(parameters);
            using var text = new StringWriter(System.Globalization.CultureInfo.InvariantCulture);
            root.WriteHtmlTo(text);
            return Encoding.UTF8.GetBytes(text.ToString());
        });
    }

    /// <summary>Nothing may load, frame, cache or embed a page; it runs no script, and its style sheet is the only one.</summary>
    private static void Protect(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy =
            $"default-src 'none'; style-src {StyleSheet.Source}; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers.CacheControl = "no-store";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.Vary = "Accept";
    }

    private static Task WriteAsync(HttpContext context, Made made)
    {
        context.Response.StatusCode = made.Status;
        context.Response.ContentType = made.Type;
        context.Response.ContentLength = made.Body.Length;
        return HttpMethods.IsHead(context.Request.Method)
            ? Task.CompletedTask
            : context.Response.Body.WriteAsync(made.Body, context.RequestAborted).AsTask();
    }

    /// <summary>A response that is ready to be sent.</summary>
    private readonly record struct Made(int Status, string Type, byte[] Body);
}
