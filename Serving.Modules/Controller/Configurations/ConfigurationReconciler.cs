using System.Globalization;
using Serving.Api.Conditions;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Configurations.Resources;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;
using ConfigurationPass = Serving.Kubernetes.Reconcilers.ReconcilePass<
    Serving.Api.Knative.Configuration,
    Serving.Api.Knative.ConfigurationStatus
>;

namespace Serving.Controller.Configurations;

/// <summary>Creates a Revision for every generation of a Configuration and tracks the newest ready one.</summary>
internal sealed class ConfigurationReconciler(
    ILister<Configuration> configurations,
    ILister<Revision> revisions,
    IEventRecorder events,
    TimeProvider time
)
    : StatusReconciler<Configuration, ConfigurationStatus>(
        ApiResources.Configurations,
        configurations,
        ConfigurationLifecycle.Conditions,
        events,
        time
    )
{
    public override string Name => "configuration";

    protected override ConfigurationStatus Blocked(ConfigurationStatus status, ChildException child, DateTimeOffset now) =>
        child switch
        {
            NotOwnedException taken => status.MarkRevisionCreationFailed($"{AlreadyExists(child.Key.Name)}. {taken.Holder}", now),
            ChildRefusedException refused => status.MarkRevisionCreationFailed(refused.Refusal.Status.Message, now),
            _ => status,
        };

    protected override async Task ReconcileAsync(ConfigurationPass pass, CancellationToken cancellation)
    {
        var configuration = pass.Object;
        var named = RevisionNames.Named(configuration, revisions);
        if (named is not null && !RevisionNames.Matches(configuration, named))
        {
            pass.Status = pass.Status.MarkRevisionCreationFailed(NameTaken(configuration, named), pass.Now);
            return;
        }

        var latest = named ?? OfGeneration(configuration) ?? await CreateAsync(pass, cancellation);
        pass.Status = pass.Status.SetLatestCreated(latest.Metadata.Name, pass.Now);
        Observe(pass, latest);
        SetLatestReady(pass, latest, named is not null);
    }

    private Revision? OfGeneration(Configuration configuration) =>
        configuration.Spec.Template.Metadata.Name.Length > 0
            ? null
            : Of(configuration)
                .Find(revision =>
                    revision.Metadata.Labels.Get(ServingKeys.ConfigurationGeneration) == RevisionNames.Generation(configuration)
                );

    private async Task<Revision> CreateAsync(ConfigurationPass pass, CancellationToken cancellation)
    {
        var wanted = RevisionMaker.Make(pass.Object, pass.Now);
        var created = (
            await ChildObjects.CreateAsync(
                pass.Client,
                ApiResources.Revisions,
                wanted,
                pass.Object,
                cancellation,
                new ChildEvents(Events, $"Revision \"{wanted.Metadata.Name}\"") { NotCreated = "Revision" }
            )
        ).Object;

        // An earlier generation may have used, as an explicit name, the name generated for this one.
        return RevisionNames.Matches(pass.Object, created)
            ? created
            : throw new NotOwnedException(
                $"configuration: \"{pass.Name}\" cannot create Revision: \"{created.Metadata.Name}\"",
                ApiResources.Revisions.Kind,
                ObjectKey.Of(created),
                HolderOf(pass.Object, created)
            );
    }

    private static string NameTaken(Configuration configuration, Revision revision) =>
        $"{AlreadyExists(revision.Metadata.Name)}. {HolderOf(configuration, revision)}";

    private static string AlreadyExists(string revision) => $"revisions.serving.knative.dev \"{revision}\" already exists";

    private static string HolderOf(Configuration configuration, Revision revision) =>
        revision.IsControlledBy(configuration)
            ? $"It is of generation {revision.Metadata.Labels.Get(ServingKeys.ConfigurationGeneration)} of this Configuration: choose another name in spec.template.metadata.name."
            : NotOwnedException.Of(configuration, ApiResources.Revisions.Kind, revision).Holder;

    private void Observe(ConfigurationPass pass, Revision latest)
    {
        if (ConditionSet.Get(latest.Status.Conditions, RevisionLifecycle.Ready) is not { } ready)
        {
            return;
        }

        if (ready.Status == ConditionStatus.True)
        {
            if (pass.Status.LatestReadyRevisionName.Length == 0)
            {
                Events.Normal(pass.Object, "ConfigurationReady", "Configuration becomes ready");
            }
        }
        else if (ready.Status == ConditionStatus.Unknown)
        {
            if (latest.Status.NotReadyYet() is { Length: > 0 } waiting && latest.Metadata.Name != pass.Status.LatestReadyRevisionName)
            {
                pass.Status = pass.Status.MarkLatestCreatedWaiting(latest.Metadata.Name, waiting, pass.Now);
            }
        }
        else if (ready.Status == ConditionStatus.False)
        {
            var before = ConditionSet.Get(pass.Object.Status.Conditions, ConfigurationLifecycle.Ready);
            pass.Status = pass.Status.MarkLatestCreatedFailed(latest.Metadata.Name, ready.Message, pass.Now);
            var after = ConditionSet.Get(pass.Status.Conditions, ConfigurationLifecycle.Ready)!;
            if (before?.Status == after.Status && before.Reason == after.Reason && before.Message == after.Message)
            {
                return;
            }

            var wasReady = latest.Metadata.Name == pass.Status.LatestReadyRevisionName;
            Events.Warning(
                pass.Object,
                wasReady ? "LatestReadyFailed" : "LatestCreatedFailed",
                $"Latest {(wasReady ? "ready" : "created")} revision \"{latest.Metadata.Name}\" has failed"
            );
        }
    }

    /// <summary>The newest ready Revision between the latest ready one and this generation.</summary>
    private void SetLatestReady(ConfigurationPass pass, Revision latest, bool named)
    {
        var before = pass.Status.LatestReadyRevisionName;
        var floor =
            before.Length > 0 && revisions.Get(pass.Namespace, before) is { } ready
                ? GenerationOf(ready) ?? pass.Object.Metadata.Generation ?? 0
                : 0;
        var newest = Of(pass.Object)
            .Where(revision => revision.IsReady())
            .Where(revision =>
                GenerationOf(revision) is { } generation
                && (
                    (generation >= floor && generation <= (pass.Object.Metadata.Generation ?? 0))
                    || (named && generation == GenerationOf(latest))
                )
            )
            .OrderByDescending(revision => named && revision.Metadata.Name == pass.Object.Spec.Template.Metadata.Name)
            .ThenByDescending(GenerationOf)
            .FirstOrDefault();
        if (newest is null)
        {
            return;
        }

        pass.Status = pass.Status.SetLatestReady(newest.Metadata.Name, pass.Now);
        if (before != newest.Metadata.Name)
        {
            Events.Normal(pass.Object, "LatestReadyUpdate", $"LatestReadyRevisionName updated to \"{newest.Metadata.Name}\"");
        }
    }

    private List<Revision> Of(Configuration configuration) =>
        [.. revisions.ByLabel(configuration.Metadata.Namespace, ServingKeys.Configuration, configuration.Metadata.Name)];

    private static long? GenerationOf(Revision revision) =>
        long.TryParse(revision.Metadata.Labels.Get(ServingKeys.ConfigurationGeneration), CultureInfo.InvariantCulture, out var value)
            ? value
            : null;
}
