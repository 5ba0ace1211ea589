using Serving.Kubernetes.Hosting;

namespace Serving.Host.Composition;

/// <summary>The Leases of this process: read once at its start, before any module competes.</summary>
internal sealed class Election
{
    private readonly Func<Action<string>, CancellationToken, Task<ElectionSettings>>? _read;
    private volatile ElectionSettings? _settings;

    /// <param name="read">Reads the settings and reports what it waits for; null for a process without Leases.</param>
    public Election(Func<Action<string>, CancellationToken, Task<ElectionSettings>>? read) => _read = read;

    /// <summary>Whether Leases are used at all.</summary>
    public bool IsHeld => _read is not null;

    /// <summary>Reads the settings.</summary>
    public async Task ReadAsync(Action<string> waits, CancellationToken cancellation)
    {
        if (_read is not null)
        {
            _settings = await _read(waits, cancellation);
        }
    }

    /// <summary>Applies the settings to the module host's options.</summary>
    public ModuleHostOptions ApplyTo(ModuleHostOptions options) => _settings?.ApplyTo(options) ?? options;

    /// <summary>The Leases of a module's shard.</summary>
    public IReadOnlyList<string> LeaseNames(string module, Shard shard) =>
        (_settings?.LeaseNames ?? new ModuleHostOptions().LeaseNames)(module, shard);
}
