using Serving.Dataplane.Statistics;

namespace Serving.Activator;

/// <summary>Takes the activator's measurements: the autoscaler of this process, or a connection to another.</summary>
public interface IRequestStatSink
{
    /// <summary>Null while measurements reach who decides, or nobody could reach them; else why those of this process do not.</summary>
    string? NotReadyReason => null;

    /// <summary>
    /// Takes one measurement. Called at once for the first request of an idle revision, then every second while there are
    /// requests. Must not block.
    /// </summary>
    void Report(string ns, string revision, in Stat stat);
}
