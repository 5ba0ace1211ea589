using Serving.Api.Config;

namespace Serving.ConfigMaps;

/// <summary>A known ConfigMap: its name, and how it changes a snapshot.</summary>
/// <param name="Name">The ConfigMap's name.</param>
/// <param name="Apply">Applies the ConfigMap's data to a snapshot; throws <see cref="ConfigMapException"/>. The text is the cluster's
/// domain.</param>
public sealed record ConfigMapKind(string Name, Func<ConfigSnapshot, IReadOnlyDictionary<string, string>, string, ConfigSnapshot> Apply);
