using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Events;

/// <summary>
/// Writes events in the background. Invariants: recording never blocks or throws; a repeated event increments the count of one event; the
/// queue is bounded, and events that do not fit, or come too often for one object, are dropped and counted.
/// </summary>
public sealed class EventRecorder : IEventRecorder
{
    private const int QueueLength = 1000;
    private const int MostRemembered = 4096;
    private const int Burst = 25;
    private static readonly TimeSpan Refill = TimeSpan.FromSeconds(300);
    private static readonly TimeSpan Aggregation = TimeSpan.FromMinutes(10);
    private readonly string _component;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Channel<Observed> _queue;
    private readonly Dictionary<Signature, Written> _written = [];
    private readonly Dictionary<string, Bucket> _buckets = [];
    private long _dropped;

    /// <param name="component">The reporting component, such as <c>revision-controller</c>.</param>
    /// <param name="logger">Logger.</param>
    /// <param name="time">The clock of events.</param>
    public EventRecorder(string component, ILogger logger, TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(component);
        ArgumentNullException.ThrowIfNull(logger);
        _component = component;
        _logger = logger;
        _time = time ?? TimeProvider.System;
        _queue = Channel.CreateBounded<Observed>(
            new BoundedChannelOptions(QueueLength) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait }
        );
    }

    /// <summary>Number of events that were not written because there were too many or the server rejected them.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <inheritdoc/>
    public void Normal(IKubernetesObject about, string reason, string message) => Record(about, "Normal", reason, message);

    /// <inheritdoc/>
    public void Warning(IKubernetesObject about, string reason, string message) => Record(about, "Warning", reason, message);

    /// <summary>Writes recorded events until cancelled.</summary>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        try
        {
            await foreach (var observed in _queue.Reader.ReadAllAsync(cancellation))
            {
                await WriteAsync(client, observed, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Shutdown.
        }
    }

    private void Record(IKubernetesObject about, string type, string reason, string message)
    {
        if (about is null)
        {
            return;
        }

        var meta = about.Metadata;
        var reference = new ObjectReference
        {
            ApiVersion = about.ApiVersion,
            Kind = about.Kind,
            Namespace = meta.Namespace,
            Name = meta.Name,
            Uid = meta.Uid,
            ResourceVersion = meta.ResourceVersion,
        };
        if (!_queue.Writer.TryWrite(new Observed(reference, type, reason, message, _time.GetUtcNow())))
        {
            Interlocked.Increment(ref _dropped);
        }
    }

    private async Task WriteAsync(IKubernetesClient client, Observed observed, CancellationToken cancellation)
    {
        if (!TakeToken(observed))
        {
            Interlocked.Increment(ref _dropped);
            return;
        }

        try
        {
            var signature = new Signature(
                observed.About.Kind,
                observed.About.Namespace,
                observed.About.Name,
                observed.About.Uid,
                observed.Type,
                observed.Reason,
                observed.Message
            );
            if (
                _written.TryGetValue(signature, out var before)
                && observed.At - before.Last < Aggregation
                && await TryCountAsync(client, signature, before, observed, cancellation)
            )
            {
                return;
            }

            var created = await client.CreateAsync(Resources.Events, EventOf(observed), cancellation);
            Remember(signature, new Written(created.Metadata.Namespace, created.Metadata.Name, 1, observed.At));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception error)
        {
            // One expected cause is a terminating namespace. Events are best effort.
            Interlocked.Increment(ref _dropped);
            _logger.LogDebug(
                "Event {Reason} about {Kind} {Namespace}/{Name}: {Error}",
                observed.Reason,
                observed.About.Kind,
                observed.About.Namespace,
                observed.About.Name,
                error.Message
            );
        }
    }

    private async Task<bool> TryCountAsync(
        IKubernetesClient client,
        Signature signature,
        Written before,
        Observed observed,
        CancellationToken cancellation
    )
    {
        var last = observed.At.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", System.Globalization.CultureInfo.InvariantCulture);
        var patch = new Patch(PatchType.Merge, $"{{\"count\":{before.Count + 1},\"lastTimestamp\":\"{last}\"}}");
        try
        {
            await client.PatchAsync(Resources.Events, before.Namespace, before.Name, patch, cancellation);
            Remember(signature, before with { Count = before.Count + 1, Last = observed.At });
            return true;
        }
        catch (KubernetesException gone) when (gone.IsNotFound)
        {
            _written.Remove(signature);
            return false;
        }
    }

    private Event EventOf(Observed observed)
    {
        var ns = observed.About.Namespace.Length > 0 ? observed.About.Namespace : "default";
        return new Event
        {
            ApiVersion = "v1",
            Kind = "Event",
            Metadata = new ObjectMeta { Namespace = ns, Name = $"{observed.About.Name}.{Guid.NewGuid().ToString("N")[..16]}" },
            InvolvedObject = observed.About,
            Type = observed.Type,
            Reason = observed.Reason,
            Message = observed.Message.Length > 1024 ? observed.Message[..1024] : observed.Message,
            Source = new EventSource { Component = _component },
            ReportingComponent = _component,
            FirstTimestamp = observed.At,
            LastTimestamp = observed.At,
            Count = 1,
        };
    }

    private void Remember(Signature signature, Written written)
    {
        if (_written.Count >= MostRemembered)
        {
            _written.Clear();
        }

        _written[signature] = written;
    }

    /// <summary>A token bucket per object: a burst of 25, then one every five minutes, like Kubernetes' own recorders.</summary>
    private bool TakeToken(Observed observed)
    {
        var key = $"{observed.About.Kind}/{observed.About.Namespace}/{observed.About.Name}/{observed.About.Uid}";
        if (!_buckets.TryGetValue(key, out var bucket))
        {
            if (_buckets.Count >= MostRemembered)
            {
                _buckets.Clear();
            }

            bucket = new Bucket(Burst, observed.At);
        }

        var tokens = Math.Min(Burst, bucket.Tokens + ((observed.At - bucket.At) / Refill));
        _buckets[key] = new Bucket(tokens >= 1 ? tokens - 1 : tokens, observed.At);
        return tokens >= 1;
    }

    private sealed record Observed(ObjectReference About, string Type, string Reason, string Message, DateTimeOffset At);

    private sealed record Signature(string Kind, string Namespace, string Name, string Uid, string Type, string Reason, string Message);

    private sealed record Written(string Namespace, string Name, int Count, DateTimeOffset Last);

    private readonly record struct Bucket(double Tokens, DateTimeOffset At);
}
