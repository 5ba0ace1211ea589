namespace Serving.StatusPages.Models;

/// <summary>A container of a revision. Its environment is never shown.</summary>
/// <param name="Name">The name.</param>
/// <param name="Image">The image of the specification.</param>
/// <param name="Digest">The digest that the image resolved to; empty until then.</param>
public sealed record ContainerRow(string Name, string Image, string Digest);
