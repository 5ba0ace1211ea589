using System.Diagnostics.Metrics;

namespace Serving.Activator.Requests;

/// <summary>What the activator measures about itself.</summary>
internal sealed class ActivatorMetrics : IDisposable
{
    private readonly Meter _meter = new("Serving.Activator");
    private readonly UpDownCounter<int> _queued;
    private readonly UpDownCounter<int> _active;

    public ActivatorMetrics()
    {
        _queued = _meter.CreateUpDownCounter<int>("kn.revision.request.queued", "{request}", "Requests that wait for a pod");
        _active = _meter.CreateUpDownCounter<int>("kn.revision.request.active", "{request}", "Requests that a pod is answering");
    }

    public void Queued(int change) => _queued.Add(change);

    public void Active(int change) => _active.Add(change);

    public void Dispose() => _meter.Dispose();
}
