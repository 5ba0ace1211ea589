using Serving.Api;

namespace Serving.Controller.Revisions.Resources;

/// <summary>Names in a Revision's pods.</summary>
internal static class ChildNames
{
    public static string Deployment(string revision) => ChildName.Of(revision, "-deployment");

    public static string ImageCache(string revision, string container) => ChildName.Of(ChildName.Of(revision, "-cache"), "-" + container);
}
