using System.Diagnostics;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// The spans of reconciles: each is a trace of its own, with the requests to the API server that it made below it, sampled at the rate of
/// config-observability. Costs nothing while nothing is exported.
/// </summary>
internal static class ReconcileSpan
{
    /// <summary>The activity source.</summary>
    public const string SourceName = "Serving.Kubernetes.Reconcilers";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>Starts the span of a reconcile; call it in an asynchronous method.</summary>
    /// <param name="reconciler">The reconciler's name.</param>
    /// <param name="key">The object.</param>
    /// <param name="failures">How often it failed in a row before.</param>
    public static Activity? Start(string reconciler, ObjectKey key, int failures)
    {
        if (!Source.HasListeners())
        {
            return null;
        }

        // What enqueued the key may have been part of another trace.
        Activity.Current = null;
        var span = Source.StartActivity("reconcile " + reconciler);
        if (span is not { IsAllDataRequested: true })
        {
            return span;
        }

        span.SetTag("kn.reconcile.reconciler", reconciler);
        span.SetTag("kn.reconcile.key", key.ToString());
        if (key.Namespace.Length > 0)
        {
            span.SetTag("k8s.namespace.name", key.Namespace);
        }

        span.SetTag("kn.reconcile.retries", failures);
        return span;
    }

    /// <summary>Sets the result on the span of the current reconcile.</summary>
    /// <param name="result">As in the metric of reconciles.</param>
    public static void End(string result)
    {
        if (Activity.Current is not { IsAllDataRequested: true } span || span.Source != Source)
        {
            return;
        }

        span.SetTag("kn.reconcile.result", result);
        if (result is ReconcileMetrics.Failure or ReconcileMetrics.Unreachable)
        {
            span.SetTag("error.type", result);
            span.SetStatus(ActivityStatusCode.Error);
        }
    }
}
