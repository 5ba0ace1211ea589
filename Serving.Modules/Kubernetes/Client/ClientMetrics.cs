using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.Kubernetes.Client;

/// <summary>
/// The requests of this process to the API server, counted per attempt. Costs nothing while nothing listens. Invariant: the number of
/// series is bounded, because verbs, kinds and status codes are.
/// </summary>
internal static class ClientMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "Serving.Kubernetes.Client";

    /// <summary>No response: the connection failed.</summary>
    public const string Unreachable = "unreachable";

    /// <summary>No response in time.</summary>
    public const string Timeout = "timeout";

    /// <summary>The response has more bytes than are read.</summary>
    public const string TooLarge = "too_large";

    private static readonly MetricAttribute Verb = new(
        "verb",
        "`get`, `list`, `watch`, `create`, `update`, `patch`, `apply`, `delete`; for a request by path the method"
    );

    private static readonly MetricAttribute Resource = new(
        "resource",
        "the kind with its group and subresource, such as `revisions.serving.knative.dev/status`; `_OTHER` for a request by path"
    );

    private static readonly MetricAttribute Method = new("http.request.method", "the method");
    private static readonly MetricAttribute StatusCode = new("http.response.status_code", "the status code; absent without a response");
    private static readonly MetricAttribute Server = new("server.address", "the host of the API server");

    private static readonly MetricAttribute Error = new(
        "error.type",
        "`unreachable`, `timeout` or `too_large` when there was no response; otherwise absent"
    );

    private static readonly Meter Meter = new(MeterName);

    private static readonly Histogram<double> Duration = Meter
        .CreateHistogram(
            "serving.k8s.client.request.duration",
            "s",
            "How long an attempt of a request to the API server took; of a watch, until its response began",
            null,
            SecondsBuckets.Short
        )
        .With(Verb, Resource, StatusCode, Error);

    private static readonly Counter<long> Codes = Meter
        .CreateCounter<long>("kn.k8s.client.http.response.status_code", "{item}", "Count of response codes partitioned by method and host")
        .With(Server, Method, StatusCode);

    private static readonly Counter<long> Throttled = Meter
        .CreateCounter<long>(
            "serving.k8s.client.throttled",
            "{response}",
            "Responses with which the API server asked to slow down: status 429, or Retry-After"
        )
        .With(Verb, Resource);

    private static readonly Counter<long> Retries = Meter
        .CreateCounter<long>("serving.k8s.client.retries", "{request}", "Attempts after the first one of a request")
        .With(Verb, Resource);

    /// <summary>The server responded.</summary>
    public static void Responded(HttpRequestMessage request, int status, TimeSpan took)
    {
        if (!Duration.Enabled && !Codes.Enabled)
        {
            return;
        }

        var operation = ApiRequest.OperationOf(request);
        var (verb, resource, code) = (Verb.Of(operation.Verb), Resource.Of(operation.Resource), StatusCode.Of(status));
        Throttled.Add(0, verb, resource);
        Retries.Add(0, verb, resource);
        Duration.Record(took.TotalSeconds, verb, resource, code);
        Codes.Add(1, Server.Of(request.RequestUri?.Host ?? ""), Method.Of(request.Method.Method), code);
    }

    /// <summary>There was no response, or it could not be read.</summary>
    public static void Failed(HttpRequestMessage request, string error, TimeSpan took)
    {
        if (Duration.Enabled)
        {
            var operation = ApiRequest.OperationOf(request);
            Duration.Record(took.TotalSeconds, Verb.Of(operation.Verb), Resource.Of(operation.Resource), Error.Of(error));
        }
    }

    /// <summary>The server asked to slow down.</summary>
    public static void SlowedDown(HttpRequestMessage request) => Count(Throttled, request);

    /// <summary>A request is sent again.</summary>
    public static void Retried(HttpRequestMessage request) => Count(Retries, request);

    private static void Count(Counter<long> counter, HttpRequestMessage request)
    {
        if (counter.Enabled)
        {
            var operation = ApiRequest.OperationOf(request);
            counter.Add(1, Verb.Of(operation.Verb), Resource.Of(operation.Resource));
        }
    }
}
