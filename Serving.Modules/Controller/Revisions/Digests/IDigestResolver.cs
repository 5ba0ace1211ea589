namespace Serving.Controller.Revisions.Digests;

/// <summary>Resolves an image's tag to its current digest, so that all pods of a Revision run the same code.</summary>
public interface IDigestResolver
{
    /// <summary>
    /// The reference by digest, such as <c>registry/repository@sha256:…</c>; empty when this image is not to be resolved. Throws
    /// <see cref="DigestException"/> when the registry does not provide one.
    /// </summary>
    ValueTask<string> ResolveAsync(DigestRequest request, CancellationToken cancellation);
}
