namespace Serving.Dataplane.Inspection;

/// <summary>A rule: what a request must have.</summary>
/// <param name="Prefix">The prefix of its path.</param>
/// <param name="Headers">Headers with an exact value, as <c>Name: value</c>.</param>
/// <param name="Ingress">Namespace and name of the Ingress.</param>
public sealed record RouteRule(string Prefix, IReadOnlyList<string> Headers, string Ingress);
