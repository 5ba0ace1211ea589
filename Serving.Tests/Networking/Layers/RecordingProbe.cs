using System.Collections.Concurrent;
using Serving.Networking.Layers.Probing;

namespace Serving.Tests.Networking.Layers;

/// <summary>Pods of a data plane that respond as a test says, at once; by default each of them routes what it is asked for.</summary>
internal sealed class RecordingProbe : IIngressProbe
{
    private readonly ConcurrentQueue<(ProbeTarget Target, string Hash)> _sent = [];

    /// <summary>The probes so far.</summary>
    public IReadOnlyList<(ProbeTarget Target, string Hash)> Sent => [.. _sent];

    /// <summary>How a target responds.</summary>
    public Func<ProbeTarget, string, ProbeResult> Respond { get; set; } = static (_, _) => new ProbeResult(true);

    /// <summary>Completes probes only once it is set; null for at once.</summary>
    public Task? Hold { get; set; }

    public async Task<ProbeResult> SendAsync(ProbeTarget target, string hash, CancellationToken cancellation)
    {
        _sent.Enqueue((target, hash));
        if (Hold is { } hold)
        {
            await hold.WaitAsync(cancellation);
        }

        return Respond(target, hash);
    }
}
