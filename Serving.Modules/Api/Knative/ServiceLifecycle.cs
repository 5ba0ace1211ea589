using Serving.Api.Conditions;
using Serving.Api.Core;

namespace Serving.Api.Knative;

/// <summary>The conditions of a Service.</summary>
public static class ServiceLifecycle
{
    public const string Ready = "Ready";
    public const string ConfigurationsReady = "ConfigurationsReady";
    public const string RoutesReady = "RoutesReady";

    /// <summary>The conditions of a Service.</summary>
    public static ConditionSet Conditions { get; } = new(Ready, ConfigurationsReady, RoutesReady);

    /// <summary>Whether the status is of the newest generation and Ready is True.</summary>
    public static bool IsReady(this Service service) =>
        service.Status.ObservedGeneration == service.Metadata.Generation && Conditions.IsHappy(service.Status.Conditions);

    /// <summary>A Configuration with that name exists that we do not own.</summary>
    public static ServiceStatus MarkConfigurationNotOwned(this ServiceStatus status, string name, DateTimeOffset now, string holder = "") =>
        status.False(
            ConfigurationsReady,
            "NotOwned",
            $"There is an existing Configuration \"{name}\" that we do not own.{ConditionSet.Detail(holder)}",
            now
        );

    /// <summary>Creating or updating the Configuration failed.</summary>
    public static ServiceStatus MarkConfigurationFailed(this ServiceStatus status, string reason, string message, DateTimeOffset now) =>
        status.False(ConfigurationsReady, reason, message, now);

    /// <summary>Creating or updating the Route failed.</summary>
    public static ServiceStatus MarkRouteFailed(this ServiceStatus status, string reason, string message, DateTimeOffset now) =>
        status.False(RoutesReady, reason, message, now);

    public static ServiceStatus MarkRouteNotOwned(this ServiceStatus status, string name, DateTimeOffset now, string holder = "") =>
        status.False(
            RoutesReady,
            "NotOwned",
            $"There is an existing Route \"{name}\" that we do not own.{ConditionSet.Detail(holder)}",
            now
        );

    /// <summary>The Configuration has not observed its newest generation.</summary>
    public static ServiceStatus MarkConfigurationNotReconciled(this ServiceStatus status, DateTimeOffset now) =>
        status.Unknown(
            ConfigurationsReady,
            "OutOfDate",
            "The Configuration is still working to reflect the latest desired specification.",
            now
        );

    /// <summary>The Route has not observed its newest generation.</summary>
    public static ServiceStatus MarkRouteNotReconciled(this ServiceStatus status, DateTimeOffset now) =>
        status.Unknown(RoutesReady, "OutOfDate", "The Route is still working to reflect the latest desired specification.", now);

    /// <summary>The Route is ready, but does not route to the newest Revision yet.</summary>
    public static ServiceStatus MarkRouteNotYetReady(this ServiceStatus status, DateTimeOffset now) =>
        status.Unknown(RoutesReady, "TrafficNotMigrated", "Traffic is not yet migrated to the latest revision.", now);

    /// <summary>The name of the next Revision belongs to another one.</summary>
    public static ServiceStatus MarkRevisionNameTaken(this ServiceStatus status, string name, DateTimeOffset now) =>
        status.False(
            RoutesReady,
            "RevisionNameTaken",
            $"The revision name \"{name}\" is taken by a conflicting Revision, so traffic will not be migrated",
            now
        );

    /// <summary>Copies the readiness of the Configuration.</summary>
    public static ServiceStatus PropagateConfiguration(this ServiceStatus status, ConfigurationStatus configuration, DateTimeOffset now)
    {
        var result = status with
        {
            LatestCreatedRevisionName = configuration.LatestCreatedRevisionName,
            LatestReadyRevisionName = configuration.LatestReadyRevisionName,
        };
        return result.Propagate(ConfigurationsReady, ConditionSet.Get(configuration.Conditions, ConfigurationLifecycle.Ready), now);
    }

    /// <summary>Copies the readiness of the Route.</summary>
    public static ServiceStatus PropagateRoute(this ServiceStatus status, RouteStatus route, DateTimeOffset now)
    {
        var result = status with { Url = route.Url, Address = route.Address, Traffic = route.Traffic };
        return result.Propagate(RoutesReady, ConditionSet.Get(route.Conditions, RouteLifecycle.Ready), now);
    }

    private static ServiceStatus Propagate(this ServiceStatus status, string type, Condition? from, DateTimeOffset now) =>
        from?.Status switch
        {
            ConditionStatus.True => status with { Conditions = Conditions.MarkTrue(status.Conditions, type, now) },
            ConditionStatus.False => status.False(type, from.Reason, from.Message, now),
            ConditionStatus.Unknown => status.Unknown(type, from.Reason, from.Message, now),
            _ => status,
        };

    private static ServiceStatus False(this ServiceStatus status, string type, string reason, string message, DateTimeOffset now) =>
        status with
        {
            Conditions = Conditions.MarkFalse(status.Conditions, type, reason, message, now),
        };

    private static ServiceStatus Unknown(this ServiceStatus status, string type, string reason, string message, DateTimeOffset now) =>
        status with
        {
            Conditions = Conditions.MarkUnknown(status.Conditions, type, reason, message, now),
        };
}
