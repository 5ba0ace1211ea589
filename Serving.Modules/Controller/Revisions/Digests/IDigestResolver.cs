namespace Serving.Controller.Revisions.Digests;

/// <summary>Finds which digest an image's tag stands for now, so that all pods of a Revision run the same code.</summary>
public interface IDigestResolver
{
    /// <summary>
    /// The reference by digest, as <c>registry/repository@sha256:…</c>; empty when this image is not to be resolved. Throws
    /// <see cref="DigestException"/> when the registry does not give one.
    /// </summary>
    ValueTask<string> ResolveAsync(DigestRequest request, CancellationToken cancellation);
}
