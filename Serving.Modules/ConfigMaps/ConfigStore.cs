using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Kubernetes;

namespace Serving.ConfigMaps;

/// <summary>
/// The configuration of the process, always the newest that was valid. Invariant: <see cref="Current"/> never holds a
/// value that its ConfigMap's parser refused; a refused one leaves the last good one in place and is said in an event,
/// a log line and the counter <c>serving.config.rejected</c>. A ConfigMap that is removed keeps its last value.
/// </summary>
public sealed class ConfigStore : IDisposable
{
    private static readonly Meter Meter = new("Serving.ConfigMaps");
    private static readonly Counter<long> Rejected =
        Meter.CreateCounter<long>("serving.config.rejected", description: "ConfigMaps that were refused because they are not valid");

    private readonly Dictionary<string, ConfigMapKind> kinds;
    private readonly string clusterDomain;
    private readonly ILogger logger;
    private readonly IEventRecorder events;
    private readonly IInformer<ConfigMap> informer;
    private readonly IDisposable registration;
    private volatile ConfigSnapshot current;

    /// <param name="informers">Gives the ConfigMaps of the system namespace.</param>
    /// <param name="environment">The system namespace and the cluster's domain.</param>
    /// <param name="logger">Where changes and refusals are said.</param>
    /// <param name="events">Where refusals are said to whoever wrote the ConfigMap.</param>
    public ConfigStore(IInformers informers, ClusterEnvironment environment, ILogger<ConfigStore> logger, IEventRecorder events)
    {
        ArgumentNullException.ThrowIfNull(informers);
        ArgumentNullException.ThrowIfNull(environment);
        this.logger = logger;
        this.events = events;
        clusterDomain = environment.ClusterDomain;
        kinds = KnownConfigMaps.All.ToDictionary(k => k.Name, StringComparer.Ordinal);
        current = KnownConfigMaps.Defaults(clusterDomain);
        informer = informers.For(Resources.ConfigMaps, environment.SystemNamespace);
        registration = informer.AddHandler(OnChange);
    }

    /// <summary>Called after <see cref="Current"/> has changed, with the old and the new; quick, never concurrent.</summary>
    public event Action<ConfigSnapshot, ConfigSnapshot>? Changed;

    /// <summary>The newest valid configuration; defaults until the ConfigMaps have been read.</summary>
    public ConfigSnapshot Current => current;

    /// <summary>Completes when the ConfigMaps that exist have been read.</summary>
    public Task WaitForSyncAsync(CancellationToken cancellation) => informer.WaitForSyncAsync(cancellation);

    /// <summary>Stops following the ConfigMaps.</summary>
    public void Dispose() => registration.Dispose();

    private void OnChange(Change<ConfigMap> change)
    {
        if (!kinds.TryGetValue(change.Key.Name, out var kind)) return;
        if (change.New is not { } map)
        {
            logger.LogWarning("ConfigMap {Name} was removed; its last values stay in use", change.Key);
            return;
        }

        if (change.Old is { } before && SameData(before.Data, map.Data)) return;
        var old = current;
        ConfigSnapshot next;
        try
        {
            next = kind.Apply(old, map.Data, clusterDomain);
        }
        catch (ConfigMapException refused)
        {
            logger.LogError("ConfigMap {Name} is not valid, its last good values stay in use: {Reason}", change.Key, refused.Explanation);
            Refuse(map, refused.Explanation);
            return;
        }
        catch (Exception failure)
        {
            // What a parser fails at is as little a configuration as what it refuses, and whoever wrote it must hear of it.
            logger.LogError(failure, "ConfigMap {Name} cannot be read, its last good values stay in use", change.Key);
            Refuse(map, $"it cannot be read: {failure.Message}");
            return;
        }

        current = next;
        Announce(old, next);
    }

    private void Refuse(ConfigMap map, string reason)
    {
        events.Warning(map, "InvalidConfiguration", $"The last valid values stay in use: {reason}");
        Rejected.Add(1, new KeyValuePair<string, object?>("name", map.Metadata.Name));
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
                logger.LogError(error, "A follower of the configuration failed");
            }
        }
    }

    private static bool SameData(IReadOnlyDictionary<string, string> a, IReadOnlyDictionary<string, string> b)
        => a.Count == b.Count && a.All(pair => b.TryGetValue(pair.Key, out var value) && value == pair.Value);
}
