using System.Collections.Immutable;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>Every resource served: the built-in kinds and those of the established CustomResourceDefinitions. Read without locks.</summary>
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

    /// <summary>Everything served, in the order of discovery.</summary>
    public ImmutableArray<ResourceInfo> All => Volatile.Read(ref _state).All;

    /// <summary>Grows with every change, for caches.</summary>
    public int Generation { get; private set; }

    /// <summary>A resource by its place in a path.</summary>
    public ResourceInfo? Find(string group, string version, string plural) =>
        Volatile.Read(ref _state).ByPath.GetValueOrDefault((group, version, plural));

    /// <summary>A kind.</summary>
    public ResourceInfo? FindKind(string group, string version, string kind) =>
        All.FirstOrDefault(r => r.Kind == kind && r.Group == group && r.Version == version && !r.IsCreateOnly);

    /// <summary>Any version of a resource.</summary>
    public ResourceInfo? FindAny(string group, string plural) => All.FirstOrDefault(r => r.Plural == plural && r.Group == group);

    /// <summary>Whether a built-in kind has the name.</summary>
    public bool IsBuiltIn(string group) => _builtIn.Any(r => r.Group == group);

    /// <summary>Serves the versions of a definition instead of those it had.</summary>
    public void Set(string definition, IEnumerable<ResourceInfo> versions)
    {
        lock (_gate)
        {
            var custom = _state.Custom.SetItem(definition, [.. versions]);
            Volatile.Write(ref _state, new State(_builtIn, custom));
            Generation++;
        }
    }

    /// <summary>Serves a definition no longer.</summary>
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
