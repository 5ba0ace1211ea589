namespace Serving.Controller.Revisions.Digests;

/// <summary>An image could not be resolved; the message names the image and the reason, for the Revision's status.</summary>
public sealed class DigestException(string image, string reason, Exception? inner = null)
    : Exception($"Unable to fetch image \"{image}\": failed to resolve image to digest: {reason}", inner);
