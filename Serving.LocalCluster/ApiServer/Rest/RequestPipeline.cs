using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.LocalCluster.ApiServer.Discovery;
using Serving.LocalCluster.ApiServer.Security;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Handles every request: authenticates it, dispatches it, and converts errors to a Status.</summary>
internal sealed class RequestPipeline(
    Authenticator authenticator,
    IAuthorizer authorizer,
    ResourceHandler resources,
    DiscoveryHandler discovery,
    OpenApiHandler openApi,
    ObjectStore store,
    HealthHandler health,
    ILogger<RequestPipeline> logger,
    CancellationToken stopping
)
{
    private readonly Impersonation _impersonation = new(authorizer);
    private readonly WriteBarrier _barrier = new(store);
    private readonly BodyBudget _bodies = new();

    public async Task HandleAsync(HttpContext context)
    {
        using var lease = new BodyLease(_bodies);
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            context.Features.Set(_barrier);
            context.Features.Set(lease);
        }

        try
        {
            await RouteAsync(context);
        }
        catch (ApiException exception)
        {
            if (exception.Code == 403)
                logger.LogInformation(
                    "{Method} {Path} rejected: {Reason}",
                    context.Request.Method,
                    context.Request.Path,
                    exception.Message
                );
            await RefuseAsync(context, exception);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested || stopping.IsCancellationRequested)
        {
            // The client disconnected, or the server stops: no response is needed.
        }
        catch (Exception exception) when (exception is BadHttpRequestException or IOException)
        {
            await RefuseAsync(context, ApiException.BadRequest(exception.Message));
        }
        catch (Exception exception)
        {
            logger.LogError(exception, "{Method} {Path} failed", context.Request.Method, context.Request.Path);
            await RefuseAsync(context, ApiException.Internal(exception.Message));
        }
    }

    private static Task RefuseAsync(HttpContext context, ApiException refusal)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return Task.CompletedTask;
        }

        if (refusal.Code == 429)
            context.Response.Headers.RetryAfter = "1";
        return Reply.JsonAsync(context, refusal.Code, refusal.ToStatus());
    }

    private Task RouteAsync(HttpContext context)
    {
        var segments = (context.Request.Path.Value ?? "/").Split('/', StringSplitOptions.RemoveEmptyEntries);
        var caller = _impersonation.Apply(context, authenticator.Authenticate(context));
        if (segments is not (["api", _, _, ..] or ["apis", _, _, _, ..]))
            AuthorizePath(context, caller);
        switch (segments)
        {
            case ["healthz" or "livez" or "readyz", ..]:
                RequireGet(context);
                return health.HandleAsync(context, segments);
            case ["version"]:
                return Reply.JsonAsync(context, 200, DiscoveryHandler.Version());
            case ["api"] or ["apis"] or ["apis", _] or ["api", "v1"] or ["apis", _, _]:
                RequireGet(context);
                return discovery.HandleAsync(context, segments);
            case ["openapi", "v3", ..]:
                RequireGet(context);
                return openApi.HandleAsync(context, segments[2..]);
            case []:
                return Reply.JsonAsync(context, 200, discovery.Paths());
            case ["api", var version, ..]:
                return resources.HandleAsync(context, "", version, segments[2..], caller, stopping);
            case ["apis", var group, var version, ..]:
                return resources.HandleAsync(context, group, version, segments[3..], caller, stopping);
            default:
                throw ApiException.NoSuchPath();
        }
    }

    private void AuthorizePath(HttpContext context, Caller caller)
    {
        var request = AccessRequest.ToPath(caller, context.Request.Method.ToLowerInvariant(), context.Request.Path.Value ?? "/");
        var decision = authorizer.Authorize(request);
        if (!decision.IsAllowed)
            throw ApiException.Forbidden(request, decision.Reason);
    }

    private static void RequireGet(HttpContext context)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
            throw ApiException.MethodNotAllowed();
    }
}
