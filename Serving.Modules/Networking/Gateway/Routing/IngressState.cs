namespace Serving.Networking.Gateway.Routing;

/// <summary>The versions of an Ingress that the table builder knows.</summary>
/// <param name="Uid">Its identity.</param>
/// <param name="Created">When it was created: the oldest Ingress gets a host.</param>
/// <param name="Current">The version in the table.</param>
/// <param name="Pending">A newer version, whose backends have no endpoints yet; null for none.</param>
/// <param name="Until">When <paramref name="Pending"/> is used even without endpoints.</param>
internal sealed record IngressState(
    string Uid,
    DateTimeOffset Created,
    IngressFragment Current,
    IngressFragment? Pending,
    DateTimeOffset Until
);
