using Serving.Api.Conditions;
using Serving.Api.Core;

namespace Serving.Api.Networking;

/// <summary>
/// The conditions of a ServerlessService: Ready when the Revision has ready pods. A separate condition says whether, and since when,
/// activators are in the path, which scaling to zero waits for.
/// </summary>
public static class ServerlessServiceLifecycle
{
    public const string Ready = "Ready";
    public const string EndpointsPopulated = "EndpointsPopulated";
    public const string ActivatorEndpointsPopulated = "ActivatorEndpointsPopulated";

    /// <summary>The mode in which pods get the traffic.</summary>
    public const string ModeServe = "Serve";

    /// <summary>The mode in which activators get the traffic.</summary>
    public const string ModeProxy = "Proxy";

    private const string BackedByActivator = "Revision is backed by Activator";

    /// <summary>The set of conditions.</summary>
    public static ConditionSet Conditions { get; } = new(Ready, EndpointsPopulated);

    /// <summary>Whether the status is of the newest generation and Ready is True.</summary>
    public static bool IsReady(ServerlessService service)
    {
        ArgumentNullException.ThrowIfNull(service);
        return (service.Status.ObservedGeneration ?? 0) == (service.Metadata.Generation ?? 0)
            && Conditions.IsHappy(service.Status.Conditions);
    }

    /// <summary>How long activators have been in the path; zero if they are not.</summary>
    public static TimeSpan ProxyFor(ServerlessServiceStatus status, DateTimeOffset now) =>
        ConditionSet.Get(Of(status), ActivatorEndpointsPopulated) is { Status: ConditionStatus.True, LastTransitionTime: { } since }
            ? now - since
            : TimeSpan.Zero;

    public static ServerlessServiceStatus Initialize(ServerlessServiceStatus status, DateTimeOffset now) =>
        With(status, Conditions.Initialize(Of(status), now));

    public static ServerlessServiceStatus MarkEndpointsReady(ServerlessServiceStatus status, DateTimeOffset now) =>
        With(status, Conditions.MarkTrue(Of(status), EndpointsPopulated, now));

    /// <summary>An object with a name that we need exists but is not ours.</summary>
    public static ServerlessServiceStatus MarkEndpointsNotOwned(
        ServerlessServiceStatus status,
        string kind,
        string name,
        DateTimeOffset now,
        string holder = ""
    ) =>
        MarkEndpointsFailed(
            status,
            "NotOwned",
            $"Resource {name} of type {kind} is not owned by SKS{ConditionSet.Detail(holder, ". ")}",
            now
        );

    /// <summary>Writing the Services or Endpoints failed.</summary>
    public static ServerlessServiceStatus MarkEndpointsFailed(
        ServerlessServiceStatus status,
        string reason,
        string message,
        DateTimeOffset now
    ) => With(status, Conditions.MarkFalse(Of(status), EndpointsPopulated, reason, message, now));

    public static ServerlessServiceStatus MarkEndpointsNotReady(ServerlessServiceStatus status, string reason, DateTimeOffset now) =>
        With(status, Conditions.MarkUnknown(Of(status), EndpointsPopulated, reason, "K8s Service is not ready", now));

    /// <summary>Returns the status with the readiness of the endpoints from <paramref name="earlier"/>.</summary>
    public static ServerlessServiceStatus KeepEndpoints(ServerlessServiceStatus status, ServerlessServiceStatus earlier) =>
        With(
            status,
            [
                .. Of(status)
                    .Select(condition =>
                        condition.Type is EndpointsPopulated or Ready
                            ? ConditionSet.Get(Of(earlier), condition.Type) ?? condition
                            : condition
                    ),
            ]
        );

    public static ServerlessServiceStatus MarkActivatorEndpointsPopulated(ServerlessServiceStatus status, DateTimeOffset now) =>
        With(
            status,
            Conditions.MarkTrueWithReason(Of(status), ActivatorEndpointsPopulated, ActivatorEndpointsPopulated, BackedByActivator, now)
        );

    public static ServerlessServiceStatus MarkActivatorEndpointsRemoved(ServerlessServiceStatus status, DateTimeOffset now) =>
        With(status, Conditions.MarkFalse(Of(status), ActivatorEndpointsPopulated, ActivatorEndpointsPopulated, BackedByActivator, now));

    private static IReadOnlyList<Condition> Of(ServerlessServiceStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return status.Conditions;
    }

    private static ServerlessServiceStatus With(ServerlessServiceStatus status, IReadOnlyList<Condition> conditions) =>
        status with
        {
            Conditions = conditions,
        };
}
