using System.Globalization;
using Microsoft.AspNetCore.Http;
using Serving.Concurrency;
using Serving.Dataplane;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Statistics;

namespace Serving.QueueProxy;

/// <summary>Computes a stat of the requests every second and serves the last one to the autoscaler, with the number of requests in
/// flight.</summary>
internal sealed class StatReporter : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    private readonly RequestStats _stats;
    private readonly string _pod;
    private readonly RequestBudget? _budget;
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly BackgroundTimer _timer;
    private byte[] _last;

    public StatReporter(RequestStats stats, string pod, RequestBudget? budget, TimeProvider time)
    {
        _stats = stats;
        _budget = budget;
        _pod = pod;
        _time = time;
        _started = time.GetTimestamp();
        _last = StatCodec.Encode(new Stat { PodName = pod });
        _timer = BackgroundTimer.Every(time, "Computing the request stat", Period, Report);
    }

    public void Dispose() => _timer.Dispose();

    /// <summary>Handles <c>GET /metrics</c>.</summary>
    public Task HandleAsync(HttpContext context)
    {
        if (context.Request.Path != "/metrics")
            return PlainText.WriteErrorAsync(context, StatusCodes.Status404NotFound, "only /metrics is served on this port");
        var last = Volatile.Read(ref _last);
        context.Response.ContentType = StatCodec.ContentType;
        context.Response.ContentLength = last.Length;
        if (_budget is { IsSpent: true })
            context.Response.Headers[DataplaneHeaders.Spent] = "true";
        context.Response.Headers[DataplaneHeaders.InFlight] = _stats.InFlight.ToString(CultureInfo.InvariantCulture);
        return context.Response.Body.WriteAsync(last).AsTask();
    }

    private void Report()
    {
        var report = _stats.Report();
        Volatile.Write(
            ref _last,
            StatCodec.Encode(
                new Stat
                {
                    PodName = _pod,
                    AverageConcurrentRequests = report.AverageConcurrency,
                    AverageProxiedConcurrentRequests = report.AverageProxiedConcurrency,
                    RequestCount = report.RequestCount / Period.TotalSeconds,
                    ProxiedRequestCount = report.ProxiedRequestCount / Period.TotalSeconds,
                    ProcessUptime = _time.GetElapsedTime(_started).TotalSeconds,
                }
            )
        );
    }
}
