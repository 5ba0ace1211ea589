using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Configurations.Resources;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.Labeler;

/// <summary>
/// Annotates Revisions and Configurations with the Routes that target them, and Revisions with their routing state: scaling and garbage
/// collection read it. A Route needs no finalizer for this: objects that still name a deleted Route are reconciled and updated.
/// </summary>
internal sealed class RoutingLabeler(
    ILister<Route> routes,
    ILister<Configuration> configurations,
    ILister<Revision> revisions,
    ReferenceTracker tracker,
    IEventRecorder events,
    TimeProvider time
) : IReconciler
{
    /// <summary>The finalizer of other implementations for this purpose; a leftover one would keep a Route forever.</summary>
    private const string OtherFinalizer = "routes.serving.knative.dev";

    private static readonly CacheIndex<Revision> RoutedRevisions = new(static value =>
        value.Metadata.Annotations.Names(ServingKeys.Routes)
    );

    private static readonly CacheIndex<Configuration> RoutedConfigurations = new(static value =>
        value.Metadata.Annotations.Names(ServingKeys.Routes)
    );

    public string Name => "labeler";

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        var route = routes.Get(key.Namespace, key.Name);
        var gone = route is null || route.Metadata.DeletionTimestamp is not null;
        var wantedRevisions = new HashSet<string>(StringComparer.Ordinal);
        var wantedConfigurations = new HashSet<string>(StringComparer.Ordinal);
        if (gone)
        {
            tracker.Forget(key);
        }
        else
        {
            tracker.Begin(key);
            Collect(key, route!, wantedRevisions, wantedConfigurations);
            tracker.Settle(key);
        }

        // An object that cannot be written does not keep the others from being written.
        var steps = new StepFailures();
        if (gone || route!.IsReady() || route!.IsFailed())
        {
            var routed = revisions
                .ByIndex(RoutedRevisions, key.Namespace, key.Name)
                .Where(revision => route is not null || !IsAwaited(key, ConfigurationOf(revision)));
            await ClearAsync(key, client, ApiResources.Revisions, routed, wantedRevisions, steps, cancellation);
            var configured = configurations
                .ByIndex(RoutedConfigurations, key.Namespace, key.Name)
                .Where(configuration => route is not null || !IsAwaited(key, configuration));
            await ClearAsync(key, client, ApiResources.Configurations, configured, wantedConfigurations, steps, cancellation);
        }

        foreach (var revision in wantedRevisions.Select(name => revisions.Get(key.Namespace, name)).OfType<Revision>())
        {
            await steps.TryAsync(
                () => SetAsync(client, ApiResources.Revisions, revision, key.Name, remove: false, cancellation),
                cancellation
            );
        }

        foreach (var configuration in wantedConfigurations.Select(name => configurations.Get(key.Namespace, name)).OfType<Configuration>())
        {
            await steps.TryAsync(
                () => SetAsync(client, ApiResources.Configurations, configuration, key.Name, remove: false, cancellation),
                cancellation
            );
        }

        steps.Throw();
        if (route?.Metadata.DeletionTimestamp is not null && route.Metadata.Finalizers.Contains(OtherFinalizer))
        {
            await Finalizers.RemoveAsync(ApiResources.Routes, route, OtherFinalizer, client, events, cancellation);
        }

        return Reconcile.Done;
    }

    private void Collect(ObjectKey key, Route route, HashSet<string> wantedRevisions, HashSet<string> wantedConfigurations)
    {
        foreach (var target in route.Status.Traffic.Concat(route.Spec.Traffic))
        {
            var configurationName = target.ConfigurationName;
            if (target.RevisionName.Length > 0)
            {
                tracker.Track(key, References.Revision, new ObjectKey(key.Namespace, target.RevisionName));
                if (revisions.Get(key.Namespace, target.RevisionName) is not { } revision)
                {
                    continue;
                }

                wantedRevisions.Add(target.RevisionName);
                configurationName = Ownership.ControllerOf(revision) is { Kind: "Configuration" } owner ? owner.Name : configurationName;
            }

            if (configurationName.Length == 0)
            {
                continue;
            }

            tracker.Track(key, References.Configuration, new ObjectKey(key.Namespace, configurationName));
            if (configurations.Get(key.Namespace, configurationName) is not { } configuration)
            {
                continue;
            }

            wantedConfigurations.Add(configurationName);
            if (target.LatestRevision == true && configuration.Status.LatestCreatedRevisionName is { Length: > 0 } latest)
            {
                // It receives traffic when it becomes ready, so it must not be scaled as unreachable.
                tracker.Track(key, References.Revision, new ObjectKey(key.Namespace, latest));
                wantedRevisions.Add(latest);
            }
        }
    }

    private Configuration? ConfigurationOf(Revision revision) =>
        configurations.Get(revision.Metadata.Namespace, revision.Metadata.Labels.Get(ServingKeys.Configuration));

    /// <summary>Whether a Route that does not exist is about to be created: a Service creates its Configuration, which names the Route,
    /// just before the Route. Clearing the name then would cost four writes, and the first Revision would be unreachable for a
    /// moment.</summary>
    private static bool IsAwaited(ObjectKey route, Configuration? configuration) =>
        configuration is not null && Ownership.ControllerOf(configuration) is { Kind: "Service" } service && service.Name == route.Name;

    private async Task ClearAsync<T>(
        ObjectKey key,
        IKubernetesClient client,
        ResourceType<T> type,
        IEnumerable<T> routed,
        HashSet<string> keep,
        StepFailures steps,
        CancellationToken cancellation
    )
        where T : class, IKubernetesObject
    {
        foreach (var value in routed.Where(value => !keep.Contains(value.Metadata.Name)))
        {
            await steps.TryAsync(() => SetAsync(client, type, value, key.Name, remove: true, cancellation), cancellation);
        }
    }

    private async Task SetAsync<T>(
        IKubernetesClient client,
        ResourceType<T> type,
        T value,
        string route,
        bool remove,
        CancellationToken cancellation
    )
        where T : class, IKubernetesObject
    {
        if (MakePatch(value, route, remove, hasState: value is Revision, time.GetUtcNow()) is not { } patch)
        {
            return;
        }

        try
        {
            await client.PatchAsync(type, value.Metadata.Namespace, value.Metadata.Name, new Patch(PatchType.Merge, patch), cancellation);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            // It was deleted in the meantime, with its annotations.
        }
    }

    /// <summary>The merge patch that adds or removes a Route, or null when nothing changes.</summary>
    internal static string? MakePatch(IKubernetesObject value, string route, bool remove, bool hasState, DateTimeOffset now)
    {
        var names = value.Metadata.Annotations.Names(ServingKeys.Routes);
        var annotations = new JsonObject();
        var labels = new JsonObject();
        if (remove ? names.Remove(route) : names.Add(route))
        {
            annotations[ServingKeys.Routes] = names.Count > 0 ? string.Join(',', names) : null;
        }

        var state = names.Count > 0 ? ServingKeys.RoutingStateActive : ServingKeys.RoutingStateReserve;
        if (hasState && value.Metadata.Labels.Get(ServingKeys.RoutingState) != state)
        {
            labels[ServingKeys.RoutingState] = state;
            annotations[ServingKeys.RoutingStateModified] = RevisionMaker.Timestamp(now);
        }

        var metadata = new JsonObject();
        if (labels.Count > 0)
        {
            metadata["labels"] = labels;
        }

        if (annotations.Count > 0)
        {
            metadata["annotations"] = annotations;
        }

        if (metadata.Count == 0)
        {
            return null;
        }

        // The list of routes was computed from this version; the write of another writer must not be overwritten.
        metadata["resourceVersion"] = value.Metadata.ResourceVersion;
        return new JsonObject { ["metadata"] = metadata }.ToJsonString();
    }
}
