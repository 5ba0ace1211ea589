namespace Serving.Host.Cluster;

/// <summary>Which Leases the modules hold.</summary>
internal enum LeaseScheme
{
    /// <summary>One for each module, of our own.</summary>
    Own,

    /// <summary>Also those of every part of the reference implementation that a module replaces, so that never both act; nor we twice on
    /// the way from one scheme to the other.</summary>
    Knative,
}
