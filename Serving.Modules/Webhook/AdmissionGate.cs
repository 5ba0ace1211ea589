using System.Diagnostics.Metrics;
using Serving.Instruments;

namespace Serving.Webhook;

/// <summary>
/// Limits the reviews in flight, by number and by the total size of their bodies, so that a flood costs one response per request instead of
/// the process. Invariant: an admitted review releases as much as it reserved.
/// </summary>
/// <param name="maxRequests">Maximum number of reviews in flight.</param>
/// <param name="maxBytes">Maximum total size of their bodies.</param>
internal sealed class AdmissionGate(int maxRequests, long maxBytes)
{
    private static readonly Meter Meter = new(WebhookMetrics.MeterName);
    private static readonly Counter<long> Refused = Meter
        .CreateCounter<long>("serving.webhook.refused", "{request}", "Admission requests refused because too many were in flight")
        .StartingAtZero();

    /// <summary>The instrument exists with the first gate, not with the first refusal.</summary>
    static AdmissionGate() { }

    private readonly Lock _gate = new();
    private int _requests;
    private long _bytes;

    /// <summary>Reserves room for a body of this size; false, which is counted, when there is none. After true, call <see cref="Exit"/>
    /// with the same size.</summary>
    public bool TryEnter(long size)
    {
        lock (_gate)
        {
            // A single review is admitted whatever its size: the server limits the size of a body.
            if (_requests < maxRequests && (_requests == 0 || _bytes + size <= maxBytes))
            {
                _requests++;
                _bytes += size;
                return true;
            }
        }

        Refused.Add(1);
        return false;
    }

    /// <summary>Releases the room.</summary>
    public void Exit(long size)
    {
        lock (_gate)
        {
            _requests--;
            _bytes -= size;
        }
    }
}
