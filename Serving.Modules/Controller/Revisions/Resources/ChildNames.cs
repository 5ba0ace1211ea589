using Serving.Api;

namespace Serving.Controller.Revisions.Resources;

/// <summary>Names of what a Revision is made of.</summary>
internal static class ChildNames
{
    /// <summary>The container of the sidecar.</summary>
    public const string QueueContainer = "queue-proxy";

    public static string Deployment(string revision) => ChildName.Of(revision, "-deployment");

    public static string ImageCache(string revision, string container) => ChildName.Of(ChildName.Of(revision, "-cache"), "-" + container);
}
