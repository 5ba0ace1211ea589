using System.Diagnostics;
using System.Globalization;
using Serving.Api;

namespace Serving.Kubernetes.Client;

/// <summary>
/// The spans of requests to the API server that are part of a sampled trace, such as that of a reconcile. They start no trace of their own.
/// The API server gets <c>traceparent</c> with such requests only.
/// </summary>
internal static class ApiSpan
{
    /// <summary>The activity source.</summary>
    public const string SourceName = "Serving.Kubernetes.Client";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>The current span, if requests are to be below it.</summary>
    private static Activity? Current => Activity.Current is { Recorded: true, IsStopped: false } span ? span : null;

    /// <summary>Starts the span of a request with all its attempts; null outside of a sampled trace.</summary>
    public static Activity? Start(ApiOperation operation)
    {
        if (!Source.HasListeners() || Current is null)
        {
            return null;
        }

        var span = Source.StartActivity($"{operation.Verb} {operation.Resource}", ActivityKind.Client);
        if (span is { IsAllDataRequested: true })
        {
            span.SetTag("k8s.request.verb", operation.Verb);
            span.SetTag("k8s.request.resource", operation.Resource);
            span.SetTag("k8s.request.object", operation.Key);
        }

        return span;
    }

    /// <summary>Makes the current span the parent of the server's spans.</summary>
    public static void Inject(HttpRequestMessage message)
    {
        if (Source.HasListeners() && Current is { IdFormat: ActivityIdFormat.W3C } span)
        {
            message.Headers.TryAddWithoutValidation("traceparent", span.Id);
        }
    }

    /// <summary>Names the version of the object in the response: that which a write made.</summary>
    public static void Succeeded(Activity? span, object response)
    {
        if (span is { IsAllDataRequested: true } && response is IKubernetesObject { Metadata.ResourceVersion: { Length: > 0 } version })
        {
            span.SetTag("k8s.response.resource_version", version);
        }
    }

    /// <summary>Records why the request failed.</summary>
    public static void Failed(Activity? span, KubernetesException failure)
    {
        if (span is not { IsAllDataRequested: true })
        {
            return;
        }

        var code = (int)failure.Code;
        span.SetTag("http.response.status_code", code);
        span.SetTag("error.type", code.ToString(CultureInfo.InvariantCulture));
        span.SetStatus(ActivityStatusCode.Error, failure.Message);
    }
}
