namespace Serving.Host.Cluster;

/// <summary>The scheme of the modules' Leases.</summary>
internal enum LeaseScheme
{
    /// <summary>Our own: one for each module.</summary>
    Own,

    /// <summary>Our own and those of every reconciler and bucket that a module replaces, so that the two implementations never run at the
    /// same time, and neither do two of our replicas while the scheme changes.</summary>
    Knative,
}
