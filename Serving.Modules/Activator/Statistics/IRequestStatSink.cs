using Serving.Dataplane.Statistics;

namespace Serving.Activator.Statistics;

/// <summary>Receives the activator's stats: the autoscaler in this process, or a connection to another one.</summary>
public interface IRequestStatSink
{
    /// <summary>Null while stats reach the responsible autoscaler, or no process could reach it; otherwise why the stats of this process do
    /// not.</summary>
    string? NotReadyReason => null;

    /// <summary>Raised when the responsible autoscaler has scaled a revision up from zero, if it tells. Handlers must be fast; any
    /// thread.</summary>
    event Action<ScaleFromZero> ScaledFromZero
    {
        add { }
        remove { }
    }

    /// <summary>
    /// Receives a stat. Called at once for the first request of an idle revision, then every second while there are requests. Must not
    /// block.
    /// </summary>
    void Report(string ns, string revision, in Stat stat);
}
