using System.Collections.Immutable;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>All served resources: the built-in kinds and those of the established CustomResourceDefinitions. Lock-free for
/// readers.</summary>
internal sealed class ResourceRegistry
{
    private readonly ImmutableArray<ResourceInfo> _builtIn;
    private readonly Lock _gate = new();
    private State _state;

    public ResourceRegistry(IEnumerable<ResourceInfo> builtIn)
    {
        _builtIn = [.. builtIn];
        _state = new State(_builtIn, ImmutableDictionary<string, ImmutableArray<ResourceInfo>>.Empty);
    }

    /// <summary>All served resources, in the order of discovery.</summary>
    public ImmutableArray<ResourceInfo> All => Volatile.Read(ref _state).All;

    /// <summary>Increases with every change, for caches.</summary>
    public int Generation { get; private set; }

    /// <summary>Finds a resource by its group, version and plural name.</summary>
    public ResourceInfo? Find(string group, string version, string plural) =>
        Volatile.Read(ref _state).ByPath.GetValueOrDefault((group, version, plural));

    /// <summary>Finds a resource by its kind.</summary>
    public ResourceInfo? FindKind(string group, string version, string kind) =>
        All.FirstOrDefault(r => r.Kind == kind && r.Group == group && r.Version == version && !r.IsCreateOnly);

    /// <summary>Finds any version of a resource.</summary>
    public ResourceInfo? FindAny(string group, string plural) => All.FirstOrDefault(r => r.Plural == plural && r.Group == group);

    /// <summary>Whether a built-in kind has the name.</summary>
    public bool IsBuiltIn(string group) => _builtIn.Any(r => r.Group == group);

    /// <summary>Replaces the served versions of a definition.</summary>
    public void Set(string definition, IEnumerable<ResourceInfo> versions)
    {
        lock (_gate)
        {
            var custom = _state.Custom.SetItem(definition, [.. versions]);
            Volatile.Write(ref _state, new State(_builtIn, custom));
            Generation++;
        }
    }

    /// <summary>Stops serving a definition.</summary>
    public void Remove(string definition)
    {
        lock (_gate)
        {
            Volatile.Write(ref _state, new State(_builtIn, _state.Custom.Remove(definition)));
            Generation++;
        }
    }

    private sealed class State
    {
        public State(ImmutableArray<ResourceInfo> builtIn, ImmutableDictionary<string, ImmutableArray<ResourceInfo>> custom)
        {
            Custom = custom;
            All = [.. builtIn, .. custom.OrderBy(c => c.Key, StringComparer.Ordinal).SelectMany(c => c.Value)];
            ByPath = All.ToDictionary(r => (r.Group, r.Version, r.Plural));
        }

        public ImmutableDictionary<string, ImmutableArray<ResourceInfo>> Custom { get; }

        public ImmutableArray<ResourceInfo> All { get; }

        public Dictionary<(string, string, string), ResourceInfo> ByPath { get; }
    }
}
