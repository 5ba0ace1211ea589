namespace Serving.Controller.Revisions.Digests;

/// <summary>Leaves every image unresolved: for clusters whose nodes know images by name only.</summary>
public sealed class UnresolvedDigests : IDigestResolver
{
    /// <inheritdoc/>
    public ValueTask<string> ResolveAsync(DigestRequest request, CancellationToken cancellation) => ValueTask.FromResult("");
}
