using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Networking;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;
using AutoscalerPass = Serving.Kubernetes.Reconcilers.ReconcilePass<
    Serving.Api.Autoscaling.PodAutoscaler,
    Serving.Api.Autoscaling.PodAutoscalerStatus
>;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>The base of the reconcilers of both autoscaler classes: each reconciles the PodAutoscalers of its class and their
/// ServerlessService.</summary>
/// <param name="autoscalerClass">The class, such as <c>kpa.autoscaling.knative.dev</c>.</param>
/// <param name="informers">Provides the caches.</param>
/// <param name="events">Records failures.</param>
/// <param name="time">The clock.</param>
internal abstract class AutoscalerClassReconciler(
    string autoscalerClass,
    AutoscalerInformers informers,
    IEventRecorder events,
    TimeProvider time
)
    : StatusReconciler<PodAutoscaler, PodAutoscalerStatus>(
        Resources.PodAutoscalers,
        informers.PodAutoscalers.Lister,
        PodAutoscalerLifecycle.Conditions,
        events,
        time
    )
{
    protected override bool IsOurs(PodAutoscaler value) => AutoscalerSettings.ClassOf(value) == autoscalerClass;

    protected override PodAutoscalerStatus Blocked(PodAutoscalerStatus status, ChildException child, DateTimeOffset now) =>
        child switch
        {
            NotOwnedException taken => PodAutoscalerLifecycle.MarkResourceNotOwned(status, taken.Kind, taken.Key.Name, now, taken.Holder),
            ChildRefusedException { Kind: "HorizontalPodAutoscaler" } refused => PodAutoscalerLifecycle.MarkResourceFailedCreation(
                status,
                refused.Kind,
                refused.Key.Name,
                now,
                refused.Refusal.Status.Message
            ),

            // An existing target remains active.
            ChildRefusedException refused => PodAutoscalerLifecycle.MarkSksFailed(
                status,
                ChildRefusedException.Reason,
                refused.ConditionMessage,
                now
            ),
            _ => status,
        };

    /// <summary>Whether a child is owned by another object; the condition about it then takes precedence over those about pods.</summary>
    protected static bool HasForeignChild(AutoscalerPass pass) => pass.Failures.All.Any(static failure => failure is NotOwnedException);

    /// <summary>The cached ServerlessService.</summary>
    protected ServerlessService? KnownService(AutoscalerPass pass) => informers.ServerlessServices.Lister.Get(pass.Namespace, pass.Name);

    /// <summary>Creates or updates the ServerlessService with a mode and a number of activators.</summary>
    protected async Task<ServerlessService> EnsureServiceAsync(
        AutoscalerPass pass,
        string mode,
        int activators,
        CancellationToken cancellation
    ) =>
        (
            await pass.EnsureAsync(
                Resources.ServerlessServices,
                KnownService(pass),
                ChildMaker.ServerlessService(pass.Object, mode, activators),
                static (existing, wanted) =>
                    existing with
                    {
                        Spec = existing.Spec with
                        {
                            Mode = wanted.Spec.Mode,
                            ObjectRef = wanted.Spec.ObjectRef,
                            ProtocolType = wanted.Spec.ProtocolType,
                            NumActivators = wanted.Spec.NumActivators,
                        },
                    },
                cancellation
            )
        ).Object;
}
