using Serving.Api.Core;

namespace Serving.Api.Knative;

/// <summary>The state machine of a Service's conditions.</summary>
public static class ServiceLifecycle
{
    public const string Ready = "Ready";
    public const string ConfigurationsReady = "ConfigurationsReady";
    public const string RoutesReady = "RoutesReady";

    /// <summary>The conditions of a Service.</summary>
    public static ConditionSet Conditions { get; } = new(Ready, ConfigurationsReady, RoutesReady);

    /// <summary>Whether the latest specification was seen and is served.</summary>
    public static bool IsReady(this Service service)
        => service.Status.ObservedGeneration == service.Metadata.Generation && Conditions.IsHappy(service.Status.Conditions);

    /// <summary>A Configuration of that name belongs to somebody else.</summary>
    public static ServiceStatus MarkConfigurationNotOwned(this ServiceStatus status, string name, DateTimeOffset now, string holder = "")
        => status.False(ConfigurationsReady, "NotOwned", $"There is an existing Configuration \"{name}\" that we do not own.{ConditionSet.Detail(holder)}", now);

    /// <summary>A Route of that name belongs to somebody else.</summary>
    /// <summary>The Configuration cannot be had.</summary>
    public static ServiceStatus MarkConfigurationFailed(this ServiceStatus status, string reason, string message, DateTimeOffset now)
        => status.False(ConfigurationsReady, reason, message, now);

    /// <summary>The Route cannot be had.</summary>
    public static ServiceStatus MarkRouteFailed(this ServiceStatus status, string reason, string message, DateTimeOffset now)
        => status.False(RoutesReady, reason, message, now);

    public static ServiceStatus MarkRouteNotOwned(this ServiceStatus status, string name, DateTimeOffset now, string holder = "")
        => status.False(RoutesReady, "NotOwned", $"There is an existing Route \"{name}\" that we do not own.{ConditionSet.Detail(holder)}", now);

    /// <summary>The Configuration has not yet seen what it should be.</summary>
    public static ServiceStatus MarkConfigurationNotReconciled(this ServiceStatus status, DateTimeOffset now)
        => status.Unknown(ConfigurationsReady, "OutOfDate", "The Configuration is still working to reflect the latest desired specification.", now);

    /// <summary>The Route has not yet seen what it should be.</summary>
    public static ServiceStatus MarkRouteNotReconciled(this ServiceStatus status, DateTimeOffset now)
        => status.Unknown(RoutesReady, "OutOfDate", "The Route is still working to reflect the latest desired specification.", now);

    /// <summary>The Route serves, but not yet what it should.</summary>
    public static ServiceStatus MarkRouteNotYetReady(this ServiceStatus status, DateTimeOffset now)
        => status.Unknown(RoutesReady, "TrafficNotMigrated", "Traffic is not yet migrated to the latest revision.", now);

    /// <summary>The name given to the next Revision is that of another one.</summary>
    public static ServiceStatus MarkRevisionNameTaken(this ServiceStatus status, string name, DateTimeOffset now)
        => status.False(
            RoutesReady, "RevisionNameTaken", $"The revision name \"{name}\" is taken by a conflicting Revision, so traffic will not be migrated", now);

    /// <summary>Takes over what the Configuration says of itself.</summary>
    public static ServiceStatus PropagateConfiguration(this ServiceStatus status, ConfigurationStatus configuration, DateTimeOffset now)
    {
        var result = status with
        {
            LatestCreatedRevisionName = configuration.LatestCreatedRevisionName,
            LatestReadyRevisionName = configuration.LatestReadyRevisionName,
        };
        return result.Propagate(ConfigurationsReady, ConditionSet.Get(configuration.Conditions, ConfigurationLifecycle.Ready), now);
    }

    /// <summary>Takes over what the Route says of itself.</summary>
    public static ServiceStatus PropagateRoute(this ServiceStatus status, RouteStatus route, DateTimeOffset now)
    {
        var result = status with { Url = route.Url, Address = route.Address, Traffic = route.Traffic };
        return result.Propagate(RoutesReady, ConditionSet.Get(route.Conditions, RouteLifecycle.Ready), now);
    }

    private static ServiceStatus Propagate(this ServiceStatus status, string type, Condition? from, DateTimeOffset now) => from?.Status switch
    {
        ConditionStatus.True => status with { Conditions = Conditions.MarkTrue(status.Conditions, type, now) },
        ConditionStatus.False => status.False(type, from.Reason, from.Message, now),
        ConditionStatus.Unknown => status.Unknown(type, from.Reason, from.Message, now),
        _ => status,
    };

    private static ServiceStatus False(this ServiceStatus status, string type, string reason, string message, DateTimeOffset now)
        => status with { Conditions = Conditions.MarkFalse(status.Conditions, type, reason, message, now) };

    private static ServiceStatus Unknown(this ServiceStatus status, string type, string reason, string message, DateTimeOffset now)
        => status with { Conditions = Conditions.MarkUnknown(status.Conditions, type, reason, message, now) };
}
