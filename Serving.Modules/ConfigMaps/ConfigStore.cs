using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;

namespace Serving.ConfigMaps;

/// <summary>
/// The current valid configuration of the process. Invariant: <see cref="Current"/> never contains a value that its parser rejected; the
/// last valid ConfigMap stays in use, and the rejection is reported by an event, a log line and the counter <c>serving.config.rejected</c>.
/// A deleted ConfigMap keeps its last value.
/// </summary>
public sealed class ConfigStore : IDisposable
{
    private readonly ConfigMetrics _metrics = new();
    private readonly Dictionary<string, ConfigMapKind> _kinds;
    private readonly string _clusterDomain;
    private readonly ILogger _logger;
    private readonly IEventRecorder _events;
    private readonly IInformer<ConfigMap> _informer;
    private readonly IDisposable _registration;
    private readonly ConcurrentDictionary<string, IReadOnlyDictionary<string, string>> _inForce = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _rejections = new(StringComparer.Ordinal);
    private volatile ConfigSnapshot _current;

    /// <param name="informers">Provide the ConfigMaps of the system namespace.</param>
    /// <param name="environment">Provides the system namespace and the cluster's domain.</param>
    /// <param name="logger">Logs changes and rejections.</param>
    /// <param name="events">Records rejections on the ConfigMap, for its author.</param>
    public ConfigStore(IInformers informers, ClusterEnvironment environment, ILogger<ConfigStore> logger, IEventRecorder events)
    {
        ArgumentNullException.ThrowIfNull(informers);
        ArgumentNullException.ThrowIfNull(environment);
        _logger = logger;
        _events = events;
        _clusterDomain = environment.ClusterDomain;
        _kinds = KnownConfigMaps.All.ToDictionary(k => k.Name, StringComparer.Ordinal);
        _current = KnownConfigMaps.Defaults(_clusterDomain);
        _informer = informers.For(Resources.ConfigMaps, environment.SystemNamespace);
        _registration = _informer.AddHandler(OnChange);
    }

    /// <summary>Raised after <see cref="Current"/> has changed, with the old and the new value. Handlers must be fast; never
    /// concurrent.</summary>
    public event Action<ConfigSnapshot, ConfigSnapshot>? Changed;

    /// <summary>The current valid configuration; defaults until the ConfigMaps have been read.</summary>
    public ConfigSnapshot Current => _current;

    /// <summary>Every known ConfigMap with the settings in force, for display.</summary>
    public IReadOnlyList<ConfigMapState> States() => [.. _kinds.Values.Select(StateOf).OfType<ConfigMapState>()];

    /// <summary>Completes when the existing ConfigMaps have been read.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellation) => _informer.WaitForSyncAsync(cancellation);

    /// <summary>Stops watching the ConfigMaps.</summary>
    public void Dispose()
    {
        _registration.Dispose();
        _metrics.Dispose();
    }

    private void OnChange(Change<ConfigMap> change)
    {
        if (!_kinds.TryGetValue(change.Key.Name, out var kind))
            return;
        if (change.New is not { } map)
        {
            _metrics.Removed(change.Key.Name);
            _logger.LogWarning("ConfigMap {Name} was deleted; its last values stay in use", change.Key);
            return;
        }

        if (change.Old is { } before && SameData(before.Data, map.Data))
            return;
        var old = _current;
        ConfigSnapshot next;
        try
        {
            next = kind.Apply(old, map.Data, _clusterDomain);
        }
        catch (ConfigMapException refused)
        {
            _logger.LogError("ConfigMap {Name} is invalid, its last valid values stay in use: {Reason}", change.Key, refused.Explanation);
            Refuse(map, refused.Explanation);
            return;
        }
        catch (Exception failure)
        {
            // A parser failure is treated as a rejection, and the author of the ConfigMap must be told.
            _logger.LogError(failure, "ConfigMap {Name} cannot be parsed, its last valid values stay in use", change.Key);
            Refuse(map, $"it cannot be parsed: {failure.Message}");
            return;
        }

        _inForce[kind.Name] = map.Data;
        _rejections.TryRemove(kind.Name, out _);
        _current = next;
        _metrics.Accepted(map.Metadata.Name);
        Warn(kind, map);
        Announce(old, next);
    }

    /// <summary>Parses the data in force once more, and records what the parser reads; null for a ConfigMap that has no settings.</summary>
    private ConfigMapState? StateOf(ConfigMapKind kind)
    {
        var exists = _inForce.TryGetValue(kind.Name, out var data);
        var readings = new ConfigReadings(data ?? Empty.Map);
        try
        {
            kind.Apply(ConfigSnapshot.Default, readings, _clusterDomain);
        }
        catch (ConfigMapException) when (!exists)
        {
            // Without the ConfigMap its required keys are missing; what was read until then is shown.
        }

        var settings = readings.Settings();
        return settings.Count > 0 || exists
            ? new ConfigMapState(kind.Name, exists, _rejections.GetValueOrDefault(kind.Name), settings)
            : null;
    }

    private void Refuse(ConfigMap map, string reason)
    {
        _rejections[map.Metadata.Name] = reason;
        _events.Warning(map, "InvalidConfiguration", $"The last valid values stay in use: {reason}");
        _metrics.Rejected(map.Metadata.Name);
    }

    private void Warn(ConfigMapKind kind, ConfigMap map)
    {
        string[] warnings = [.. kind.WarningsOf(map.Data)];
        if (warnings.Length > 0)
        {
            var text = string.Join("; ", warnings);
            _logger.LogWarning("ConfigMap {Name}: {Reason}", map.Metadata.Name, text);
            _events.Warning(map, "UnusedConfiguration", text);
        }
    }

    private void Announce(ConfigSnapshot old, ConfigSnapshot next)
    {
        foreach (var handler in Changed?.GetInvocationList() ?? [])
        {
            try
            {
                ((Action<ConfigSnapshot, ConfigSnapshot>)handler)(old, next);
            }
            catch (Exception error)
            {
                _logger.LogError(error, "A handler of configuration changes failed");
            }
        }
    }

    private static bool SameData(IReadOnlyDictionary<string, string> a, IReadOnlyDictionary<string, string> b) =>
        a.Count == b.Count && a.All(pair => b.TryGetValue(pair.Key, out var value) && value == pair.Value);
}
