using Serving.Activator.ColdStarts;
using Serving.Activator.Requests;
using Serving.Api.Knative;

namespace Serving.Activator.Throttling;

/// <summary>The activator's state of one revision.</summary>
internal sealed class RevisionEntry(
    Revision revision,
    RevisionThrottler throttler,
    RevisionBackends backends,
    RevisionColdStarts coldStarts
) : IDisposable
{
    private Revision _revision = revision;
    private RevisionAttributes _attributes = new(revision);

    /// <summary>The newest revision object.</summary>
    public Revision Revision
    {
        get => Volatile.Read(ref _revision);
        set
        {
            Volatile.Write(ref _revision, value);
            if (!Attributes.AreOf(value))
                Volatile.Write(ref _attributes, new RevisionAttributes(value));
        }
    }

    /// <summary>The attributes of the revision in metrics.</summary>
    public RevisionAttributes Attributes => Volatile.Read(ref _attributes);

    public RevisionThrottler Throttler => throttler;

    public RevisionBackends Backends => backends;

    public RevisionLoad Load { get; } = new();

    public RevisionColdStarts ColdStarts => coldStarts;

    public void Dispose()
    {
        backends.Dispose();
        throttler.Close();
        coldStarts.Close();
    }
}
