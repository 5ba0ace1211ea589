using System.Globalization;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Configurations.Resources;
using Serving.Kubernetes;
using ApiResources = Serving.Api.Resources;
using ConfigurationWork = Serving.Controller.Common.Work<Serving.Api.Knative.Configuration, Serving.Api.Knative.ConfigurationStatus>;

namespace Serving.Controller.Configurations;

/// <summary>Stamps a Revision for every generation of a Configuration and follows which is the newest ready one.</summary>
internal sealed class ConfigurationReconciler(
    ILister<Configuration> configurations, ILister<Revision> revisions, IEventRecorder events, TimeProvider time)
    : StatusReconciler<Configuration, ConfigurationStatus>(ApiResources.Configurations, configurations, ConfigurationLifecycle.Conditions, events, time)
{
    public override string Name => "configuration";

    protected override ConfigurationStatus StatusOf(Configuration resource) => resource.Status;

    protected override Configuration WithStatus(Configuration resource, ConfigurationStatus status) => resource with { Status = status };

    protected override ConfigurationStatus WithConditions(ConfigurationStatus status, IReadOnlyList<Condition> conditions, long? observedGeneration)
        => status with { Conditions = conditions, ObservedGeneration = observedGeneration };

    protected override ConfigurationStatus Blocked(ConfigurationStatus status, ChildException child, DateTimeOffset now) => child switch
    {
        NotOwnedException taken => status.MarkRevisionCreationFailed($"{AlreadyExists(child.Key.Name)}. {taken.Holder}", now),
        ChildRefusedException refused => status.MarkRevisionCreationFailed(refused.Refusal.Status.Message, now),
        _ => status,
    };

    protected override async Task<Reconcile> ReconcileAsync(ConfigurationWork work, CancellationToken cancellation)
    {
        var configuration = work.Resource;
        var named = RevisionNames.Named(configuration, revisions);
        if (named is not null && !RevisionNames.Matches(configuration, named))
        {
            work.Status = work.Status.MarkRevisionCreationFailed(NameTaken(configuration, named), work.Now);
            return Reconcile.Done;
        }

        var latest = named ?? OfGeneration(configuration) ?? await CreateAsync(work, cancellation).ConfigureAwait(false);
        work.Status = work.Status.SetLatestCreated(latest.Metadata.Name, work.Now);
        Observe(work, latest);
        SetLatestReady(work, latest, named is not null);
        return Reconcile.Done;
    }

    private Revision? OfGeneration(Configuration configuration)
        => configuration.Spec.Template.Metadata.Name.Length > 0
            ? null
            : Of(configuration).Find(
                revision => revision.Metadata.Labels.Get(ServingKeys.ConfigurationGeneration) == RevisionNames.Generation(configuration));

    private async Task<Revision> CreateAsync(ConfigurationWork work, CancellationToken cancellation)
    {
        try
        {
            var (created, isNew) = await ChildObjects.CreateAsync(
                work.Client, ApiResources.Revisions, RevisionMaker.Make(work.Resource, work.Now), work.Resource, cancellation).ConfigureAwait(false);
            if (!RevisionNames.Matches(work.Resource, created))
            {
                // An earlier generation was given the name that this one gets by its number.
                throw new NotOwnedException(
                    $"configuration: \"{work.Name}\" cannot create Revision: \"{created.Metadata.Name}\"", ApiResources.Revisions.Kind, ObjectKey.Of(created), HolderOf(work.Resource, created));
            }

            if (isNew)
            {
                Events.Normal(work.Resource, "Created", $"Created Revision \"{created.Metadata.Name}\"");
            }

            return created;
        }
        catch (ChildRefusedException error)
        {
            Events.Warning(work.Resource, "CreationFailed", $"Failed to create Revision: {error.Refusal.Status.Message}");
            throw;
        }
    }

    private static string NameTaken(Configuration configuration, Revision revision)
        => $"{AlreadyExists(revision.Metadata.Name)}. {HolderOf(configuration, revision)}";

    private static string AlreadyExists(string revision) => $"revisions.serving.knative.dev \"{revision}\" already exists";

    private static string HolderOf(Configuration configuration, Revision revision)
        => revision.IsControlledBy(configuration)
            ? $"It is of generation {revision.Metadata.Labels.Get(ServingKeys.ConfigurationGeneration)} of this Configuration: choose another name in spec.template.metadata.name."
            : NotOwnedException.Of(configuration, ApiResources.Revisions.Kind, revision).Holder;

    private void Observe(ConfigurationWork work, Revision latest)
    {
        if (ConditionSet.Get(latest.Status.Conditions, RevisionLifecycle.Ready) is not { } ready)
        {
            return;
        }

        if (ready.Status == ConditionStatus.True)
        {
            if (work.Status.LatestReadyRevisionName.Length == 0)
            {
                Events.Normal(work.Resource, "ConfigurationReady", "Configuration becomes ready");
            }
        }
        else if (ready.Status == ConditionStatus.Unknown)
        {
            if (latest.Status.NotReadyYet() is { Length: > 0 } waiting && latest.Metadata.Name != work.Status.LatestReadyRevisionName)
            {
                work.Status = work.Status.MarkLatestCreatedWaiting(latest.Metadata.Name, waiting, work.Now);
            }
        }
        else if (ready.Status == ConditionStatus.False)
        {
            var before = ConditionSet.Get(work.Resource.Status.Conditions, ConfigurationLifecycle.Ready);
            work.Status = work.Status.MarkLatestCreatedFailed(latest.Metadata.Name, ready.Message, work.Now);
            var after = ConditionSet.Get(work.Status.Conditions, ConfigurationLifecycle.Ready)!;
            if (before?.Status == after.Status && before.Reason == after.Reason && before.Message == after.Message)
            {
                return;
            }

            var wasReady = latest.Metadata.Name == work.Status.LatestReadyRevisionName;
            Events.Warning(
                work.Resource,
                wasReady ? "LatestReadyFailed" : "LatestCreatedFailed",
                $"Latest {(wasReady ? "ready" : "created")} revision \"{latest.Metadata.Name}\" has failed");
        }
    }

    /// <summary>The newest ready Revision between the newest that was ready and this generation.</summary>
    private void SetLatestReady(ConfigurationWork work, Revision latest, bool named)
    {
        var before = work.Status.LatestReadyRevisionName;
        var floor = before.Length > 0 && revisions.Get(work.Namespace, before) is { } ready ? GenerationOf(ready) ?? work.Resource.Metadata.Generation ?? 0 : 0;
        var newest = Of(work.Resource)
            .Where(revision => revision.IsReady())
            .Where(revision => GenerationOf(revision) is { } generation
                && ((generation >= floor && generation <= (work.Resource.Metadata.Generation ?? 0)) || (named && generation == GenerationOf(latest))))
            .OrderByDescending(revision => named && revision.Metadata.Name == work.Resource.Spec.Template.Metadata.Name)
            .ThenByDescending(GenerationOf)
            .FirstOrDefault();
        if (newest is null)
        {
            return;
        }

        work.Status = work.Status.SetLatestReady(newest.Metadata.Name, work.Now);
        if (before != newest.Metadata.Name)
        {
            Events.Normal(work.Resource, "LatestReadyUpdate", $"LatestReadyRevisionName updated to \"{newest.Metadata.Name}\"");
        }
    }

    private List<Revision> Of(Configuration configuration)
        => [.. revisions.ByLabel(configuration.Metadata.Namespace, ServingKeys.Configuration, configuration.Metadata.Name)];

    private static long? GenerationOf(Revision revision)
        => long.TryParse(revision.Metadata.Labels.Get(ServingKeys.ConfigurationGeneration), CultureInfo.InvariantCulture, out var value) ? value : null;
}
