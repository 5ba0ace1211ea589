using Serving.Kubernetes.Informers;

namespace Serving.StatusPages.Models;

/// <summary>The caches of this process.</summary>
public sealed record InformersPage : StatusPage
{
    /// <summary>The informers.</summary>
    public required IReadOnlyList<InformerState> Informers { get; init; }
}
