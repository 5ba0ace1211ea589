using Serving.Api.Config;

namespace Serving.ConfigMaps;

/// <summary>One ConfigMap that is understood: its name and how its data changes a snapshot.</summary>
/// <param name="Name">The ConfigMap's name.</param>
/// <param name="Apply">The snapshot with this ConfigMap's data in it; throws <see cref="ConfigMapException"/>. The text is the cluster's domain.</param>
public sealed record ConfigMapKind(
    string Name, Func<ConfigSnapshot, IReadOnlyDictionary<string, string>, string, ConfigSnapshot> Apply);
