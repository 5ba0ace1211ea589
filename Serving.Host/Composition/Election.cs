using Serving.Kubernetes;

namespace Serving.Host.Composition;

/// <summary>Under which Leases this process works: read once, at its start, before anything competes for them.</summary>
internal sealed class Election
{
    private readonly Func<Action<string>, CancellationToken, Task<ElectionSettings>>? read;
    private volatile ElectionSettings? settings;

    /// <param name="read">Reads the settings, and reports what it waits for; null for a process that works without Leases.</param>
    public Election(Func<Action<string>, CancellationToken, Task<ElectionSettings>>? read) => this.read = read;

    /// <summary>Whether there are Leases at all.</summary>
    public bool IsHeld => read is not null;

    /// <summary>Reads the settings.</summary>
    public async Task ReadAsync(Action<string> waits, CancellationToken cancellation)
    {
        if (read is not null)
        {
            settings = await read(waits, cancellation);
        }
    }

    /// <summary>As the modules are hosted.</summary>
    public ModuleHostOptions ApplyTo(ModuleHostOptions options) => settings?.ApplyTo(options) ?? options;

    /// <summary>The Leases of a part of a module.</summary>
    public IReadOnlyList<string> LeaseNames(string module, Shard shard) => (settings?.LeaseNames ?? new ModuleHostOptions().LeaseNames)(module, shard);
}
