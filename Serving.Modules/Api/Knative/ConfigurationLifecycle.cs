using Serving.Api.Conditions;

namespace Serving.Api.Knative;

/// <summary>The conditions of a Configuration.</summary>
public static class ConfigurationLifecycle
{
    public const string Ready = "Ready";

    /// <summary>The conditions of a Configuration.</summary>
    public static ConditionSet Conditions { get; } = new(Ready);

    /// <summary>Whether the status is of the newest generation and Ready is True.</summary>
    public static bool IsReady(this Configuration configuration) =>
        configuration.Status.ObservedGeneration == configuration.Metadata.Generation && Conditions.IsHappy(configuration.Status.Conditions);

    /// <summary>Records the newest Revision; Ready is Unknown until it is ready.</summary>
    public static ConfigurationStatus SetLatestCreated(this ConfigurationStatus status, string name, DateTimeOffset now)
    {
        var result = status with { LatestCreatedRevisionName = name };
        return result.LatestReadyRevisionName == name
            ? result
            : result with
            {
                Conditions = Conditions.MarkUnknown(result.Conditions, Ready, "", "", now),
            };
    }

    /// <summary>Records the newest ready Revision; Ready becomes True when it is the newest of all.</summary>
    public static ConfigurationStatus SetLatestReady(this ConfigurationStatus status, string name, DateTimeOffset now)
    {
        var result = status with { LatestReadyRevisionName = name };
        return result.LatestCreatedRevisionName == name
            ? result with
            {
                Conditions = Conditions.MarkTrue(result.Conditions, Ready, now),
            }
            : result;
    }

    /// <summary>The newest Revision is waiting for something that may still happen.</summary>
    public static ConfigurationStatus MarkLatestCreatedWaiting(
        this ConfigurationStatus status,
        string name,
        string message,
        DateTimeOffset now
    ) =>
        status with
        {
            Conditions = Conditions.MarkUnknown(status.Conditions, Ready, "RevisionWaiting", $"Revision \"{name}\" waits: {message}", now),
        };

    /// <summary>The newest Revision failed.</summary>
    public static ConfigurationStatus MarkLatestCreatedFailed(
        this ConfigurationStatus status,
        string name,
        string message,
        DateTimeOffset now
    ) => status.Failed("RevisionFailed", $"Revision \"{name}\" failed with message: {message.TrimEnd('.')}.", now);

    /// <summary>The next Revision cannot be created.</summary>
    public static ConfigurationStatus MarkRevisionCreationFailed(this ConfigurationStatus status, string message, DateTimeOffset now) =>
        status.Failed("RevisionFailed", $"Revision creation failed with message: {message.TrimEnd('.')}.", now);

    /// <summary>The newest ready Revision was deleted.</summary>
    public static ConfigurationStatus MarkLatestReadyDeleted(this ConfigurationStatus status, DateTimeOffset now) =>
        status.Failed("RevisionDeleted", $"Revision \"{status.LatestReadyRevisionName}\" was deleted.", now);

    private static ConfigurationStatus Failed(this ConfigurationStatus status, string reason, string message, DateTimeOffset now) =>
        status with
        {
            Conditions = Conditions.MarkFalse(status.Conditions, Ready, reason, message, now),
        };
}
