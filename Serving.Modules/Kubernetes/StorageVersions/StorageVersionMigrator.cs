using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.StorageVersions;

/// <summary>
/// Migrates stored objects to the storage version of their definition, so that a later release can drop older versions: rewrites every
/// object unchanged, which makes the server store it in the storage version, then updates the definition's status. Invariant: a version is
/// removed from the status only after every object has been written in the storage version. The migration can be stopped and restarted at
/// any time.
/// </summary>
public sealed class StorageVersionMigrator
{
    private const int StatusAttempts = 5;
    private static readonly Patch Nothing = new(PatchType.Merge, "{}");

    private readonly IKubernetesClient _client;
    private readonly StorageMigrationOptions _options;
    private readonly Action<string> _progress;

    /// <param name="client">May read definitions, patch their status, and list and patch the kinds they define.</param>
    /// <param name="options">Bounds, and whether this is a dry run.</param>
    /// <param name="progress">Receives a line for each step.</param>
    public StorageVersionMigrator(IKubernetesClient client, StorageMigrationOptions options, Action<string> progress)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(progress);
        _client = client;
        _options = options;
        _progress = progress;
    }

    /// <summary>Migrates every kind of the given API groups.</summary>
    public async Task<IReadOnlyList<StorageMigration>> MigrateGroupsAsync(
        IReadOnlyCollection<string> groups,
        CancellationToken cancellation
    )
    {
        ArgumentNullException.ThrowIfNull(groups);
        var definitions = await _client.ListAsync(Resources.CustomResourceDefinitions, null, null, cancellation);
        return await MigrateAsync(
            definitions
                .Items.Select(StoredDefinition.Of)
                .Where(definition => groups.Contains(definition.Group))
                .OrderBy(definition => definition.Name, StringComparer.Ordinal),
            cancellation
        );
    }

    /// <summary>Migrates the kinds of the named definitions; throws (not found) when one does not exist.</summary>
    public async Task<IReadOnlyList<StorageMigration>> MigrateNamedAsync(IEnumerable<string> names, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(names);
        var definitions = new List<StoredDefinition>();
        foreach (var name in names)
        {
            definitions.Add(await FindAsync(name, cancellation));
        }

        return await MigrateAsync(definitions, cancellation);
    }

    private async Task<IReadOnlyList<StorageMigration>> MigrateAsync(
        IEnumerable<StoredDefinition> definitions,
        CancellationToken cancellation
    )
    {
        var results = new List<StorageMigration>();
        foreach (var definition in definitions)
        {
            results.Add(await MigrateAsync(definition, cancellation));
        }

        return results;
    }

    private async Task<StorageMigration> MigrateAsync(StoredDefinition definition, CancellationToken cancellation)
    {
        var result = new StorageMigration(definition.Name, definition.Type.Version, definition.StoredVersions);
        if (definition.IsMigrated)
        {
            _progress($"{definition.Name}: stored as {definition.Type.Version}, nothing to do");
            return result;
        }

        _progress(
            $"{definition.Name}: stored as {string.Join(", ", definition.StoredVersions)}; writing every object as {definition.Type.Version}"
        );
        var tally = new Tally();
        await RewriteAllAsync(definition, tally, cancellation);
        result = result with { Rewritten = tally.Rewritten, Gone = tally.Gone, Refused = [.. tally.Refused.Order(StringComparer.Ordinal)] };
        var counts = $"{tally.Rewritten} written{(tally.Gone > 0 ? $", {tally.Gone} deleted meanwhile" : "")}";
        if (!result.IsComplete)
        {
            _progress(
                $"{definition.Name}: {counts}, {result.Refused.Count} refused; {string.Join(", ", definition.StoredVersions)} stay recorded"
            );
            foreach (var refusal in result.Refused)
            {
                _progress($"  {refusal}");
            }
        }
        else if (_options.DryRun)
        {
            _progress($"{definition.Name}: {tally.Rewritten} would be written; would be stored as {definition.Type.Version} alone");
        }
        else
        {
            await RecordAsync(definition, cancellation);
            _progress($"{definition.Name}: {counts}; stored as {definition.Type.Version}");
        }

        return result;
    }

    private async Task RewriteAllAsync(StoredDefinition definition, Tally tally, CancellationToken cancellation)
    {
        var page = new ListOptions(Limit: _options.PageSize);
        var restarts = 0;
        do
        {
            Api.Core.KubernetesList<Unstructured> objects;
            try
            {
                objects = await _client.ListAsync(definition.Type, null, page, cancellation);
            }
            catch (KubernetesException gone) when (gone.IsGone && page.Continue is not null && restarts++ < _options.Restarts)
            {
                // Objects already migrated are written again, at no cost: the server does not store an unchanged object.
                _progress($"{definition.Name}: the continue token has expired; listing again from the start");
                tally.Reset();
                page = page with { Continue = null };
                continue;
            }

            await Parallel.ForEachAsync(
                objects.Items,
                new ParallelOptions { MaxDegreeOfParallelism = _options.Concurrency, CancellationToken = cancellation },
                (item, token) => RewriteAsync(definition.Type, item, tally, token)
            );
            if (tally.Refused.Count >= _options.MaxRefusals)
            {
                _progress($"{definition.Name}: stopped after {tally.Refused.Count} rejections");
                return;
            }

            page = page with { Continue = objects.Metadata.Continue };
            if (page.Continue.Length > 0)
            {
                _progress(
                    $"{definition.Name}: {tally.Rewritten} written{(objects.Metadata.RemainingItemCount is { } rest ? $", {rest} to go" : "")}"
                );
            }
        } while (page.Continue is null or { Length: > 0 });
    }

    private async ValueTask RewriteAsync(ResourceType<Unstructured> type, Unstructured item, Tally tally, CancellationToken cancellation)
    {
        var meta = item.Metadata;
        try
        {
            await _client.PatchAsync(type, meta.Namespace, meta.Name, Nothing, cancellation, new WriteOptions(_options.DryRun));
            tally.CountRewritten();
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            tally.CountGone();
        }
        catch (KubernetesException error) when (error.IsConflict)
        {
            // Another writer changed the object at the same time, which stored it in the storage version as well.
            tally.CountRewritten();
        }
        catch (KubernetesException error) when (error.IsInvalid)
        {
            tally.Refused.Add(error.Message);
        }
    }

    /// <summary>Removes the old versions from the status, unless the storage version of the definition changed during the
    /// migration.</summary>
    private async Task RecordAsync(StoredDefinition migrated, CancellationToken cancellation)
    {
        var version = migrated.Type.Version;
        var current = migrated;
        for (var attempt = 1; ; attempt++)
        {
            var patch = new JsonObject
            {
                ["metadata"] = new JsonObject { ["resourceVersion"] = current.ResourceVersion },
                ["status"] = new JsonObject { ["storedVersions"] = new JsonArray(version) },
            };
            try
            {
                await _client.PatchAsync(
                    Resources.CustomResourceDefinitions,
                    null,
                    current.Name,
                    new Patch(PatchType.Merge, patch.ToJsonString()),
                    cancellation,
                    subresource: "status"
                );
                return;
            }
            catch (KubernetesException conflict) when (conflict.IsConflict && attempt < StatusAttempts)
            {
                current = await FindAsync(migrated.Name, cancellation);
                if (current.Type.Version != version || current.StoredVersions.Except(migrated.StoredVersions).Any())
                {
                    throw new KubernetesConfigurationException(
                        migrated.Name,
                        "",
                        $"the definition was changed while its objects were written as {version}: its storage version is {current.Type.Version} now; run the migration again"
                    );
                }
            }
        }
    }

    private async Task<StoredDefinition> FindAsync(string name, CancellationToken cancellation) =>
        StoredDefinition.Of(await _client.GetAsync(Resources.CustomResourceDefinitions, null, name, cancellation));

    /// <summary>Counts the results of concurrent rewrites.</summary>
    private sealed class Tally
    {
        private int _rewritten;
        private int _gone;

        public int Rewritten => Volatile.Read(ref _rewritten);

        public int Gone => Volatile.Read(ref _gone);

        public ConcurrentBag<string> Refused { get; } = [];

        public void CountRewritten() => Interlocked.Increment(ref _rewritten);

        public void CountGone() => Interlocked.Increment(ref _gone);

        public void Reset()
        {
            (_rewritten, _gone) = (0, 0);
            Refused.Clear();
        }
    }
}
