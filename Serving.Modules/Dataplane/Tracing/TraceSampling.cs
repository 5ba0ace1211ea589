using System.Buffers.Binary;

namespace Serving.Dataplane.Tracing;

/// <summary>
/// Which requests are traced, from config-observability; changes apply to the next request. The gateway and the activator of a process
/// share one. Rates are those of Knative: 0 traces nothing, 1 everything, and in between the decision of the caller counts, if there is
/// one.
/// </summary>
public sealed class TraceSampling
{
    private double _rate;

    /// <param name="rate">The fraction of requests that is traced, 0 to 1.</param>
    public TraceSampling(double rate = 0) => Rate = rate;

    /// <summary>The fraction of requests without a decision of their caller that is traced, 0 to 1.</summary>
    public double Rate
    {
        get => Volatile.Read(ref _rate);
        set => Volatile.Write(ref _rate, Math.Clamp(value, 0, 1));
    }

    /// <summary>Whether any request is traced.</summary>
    public bool IsOn => Rate > 0;

    /// <summary>Whether a request is traced.</summary>
    /// <param name="parent">The decision of the caller; null for none.</param>
    /// <param name="traceId">The 16 bytes of the trace's id. The last eight decide, as in Knative's components, so that all who see the trace
    /// decide alike.</param>
    internal bool Decide(bool? parent, ReadOnlySpan<byte> traceId) =>
        Rate switch
        {
            <= 0 => false,
            >= 1 => true,
            var rate => parent ?? BinaryPrimitives.ReadUInt64BigEndian(traceId[8..]) >> 1 < (ulong)(rate * long.MaxValue),
        };
}
