namespace Serving.Instruments;

/// <summary>The attributes that name a revision, the same for every module, so that series of different modules can be joined.</summary>
public static class RevisionNames
{
    /// <summary>The namespace.</summary>
    public static MetricAttribute Namespace { get; } = new("k8s.namespace.name", "the namespace");

    /// <summary>The Service.</summary>
    public static MetricAttribute Service { get; } = new("kn.service.name", "the Knative Service; empty for a Configuration without one");

    /// <summary>The Configuration.</summary>
    public static MetricAttribute Configuration { get; } = new("kn.configuration.name", "the Configuration");

    /// <summary>The Revision.</summary>
    public static MetricAttribute Revision { get; } = new("kn.revision.name", "the Revision");

    /// <summary>All four.</summary>
    public static MetricAttribute[] All { get; } = [Namespace, Revision, Service, Configuration];

    /// <summary>The tags of one revision.</summary>
    public static KeyValuePair<string, object?>[] Of(string ns, string revision, string service, string configuration) =>
        [Namespace.Of(ns), Revision.Of(revision), Service.Of(service), Configuration.Of(configuration)];
}
