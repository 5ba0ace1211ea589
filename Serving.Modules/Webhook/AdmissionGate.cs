using System.Diagnostics.Metrics;

namespace Serving.Webhook;

/// <summary>
/// Bounds the reviews that are worked on at once, by number and by the bytes of their bodies, so that a flood costs an answer each and
/// not the process. Invariant: who was let in lets go of as much as it took.
/// </summary>
/// <param name="maxRequests">Reviews at once.</param>
/// <param name="maxBytes">Bytes of their bodies together.</param>
internal sealed class AdmissionGate(int maxRequests, long maxBytes)
{
    private static readonly Meter Meter = new("Serving.Webhook");
    private static readonly Counter<long> Refused = Meter.CreateCounter<long>(
        "serving.webhook.refused", "{request}", "Admission requests that were sent away because too many were in flight");

    private readonly Lock gate = new();
    private int requests;
    private long bytes;

    /// <summary>Takes a place for a body of this size; false, which is counted, when there is none. Who is let in calls <see cref="Exit"/> with the same size.</summary>
    public bool TryEnter(long size)
    {
        lock (gate)
        {
            // One alone is let in whatever its size: the bound of a single body is the server's.
            if (requests < maxRequests && (requests == 0 || bytes + size <= maxBytes))
            {
                requests++;
                bytes += size;
                return true;
            }
        }

        Refused.Add(1);
        return false;
    }

    /// <summary>Gives the place back.</summary>
    public void Exit(long size)
    {
        lock (gate)
        {
            requests--;
            bytes -= size;
        }
    }
}
