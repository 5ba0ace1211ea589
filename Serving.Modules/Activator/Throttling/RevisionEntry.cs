using Serving.Api.Knative;

namespace Serving.Activator.Throttling;

/// <summary>The activator's state of one revision.</summary>
internal sealed class RevisionEntry(Revision revision, RevisionThrottler throttler, RevisionBackends backends) : IDisposable
{
    private Revision _revision = revision;

    /// <summary>The newest revision object.</summary>
    public Revision Revision
    {
        get => Volatile.Read(ref _revision);
        set => Volatile.Write(ref _revision, value);
    }

    public RevisionThrottler Throttler => throttler;

    public RevisionBackends Backends => backends;

    public RevisionLoad Load { get; } = new();

    public void Dispose()
    {
        backends.Dispose();
        throttler.Close();
    }
}
