using Serving.Api.Conditions;
using Serving.Api.Core;

namespace Serving.Api.Networking;

/// <summary>The conditions of an Ingress: Ready when the network is configured and the load balancer is ready.</summary>
public static class IngressLifecycle
{
    public const string Ready = "Ready";
    public const string NetworkConfigured = "NetworkConfigured";
    public const string LoadBalancerReady = "LoadBalancerReady";

    /// <summary>The set of conditions.</summary>
    public static ConditionSet Conditions { get; } = new(Ready, NetworkConfigured, LoadBalancerReady);

    /// <summary>Whether the status is of the newest generation and Ready is True.</summary>
    public static bool IsReady(Ingress ingress)
    {
        ArgumentNullException.ThrowIfNull(ingress);
        return (ingress.Status.ObservedGeneration ?? 0) == (ingress.Metadata.Generation ?? 0)
            && Conditions.IsHappy(ingress.Status.Conditions);
    }

    public static IngressStatus Initialize(IngressStatus status, DateTimeOffset now) =>
        With(status, Conditions.Initialize(Of(status), now));

    public static IngressStatus MarkNetworkConfigured(IngressStatus status, DateTimeOffset now) =>
        With(status, Conditions.MarkTrue(Of(status), NetworkConfigured, now));

    /// <summary>An object with a name that we need exists but is not ours.</summary>
    public static IngressStatus MarkResourceNotOwned(
        IngressStatus status,
        string kind,
        string name,
        DateTimeOffset now,
        string holder = ""
    ) =>
        MarkNetworkFailed(
            status,
            "NotOwned",
            $"There is an existing {kind} \"{name}\" that we do not own.{ConditionSet.Detail(holder)}",
            now
        );

    /// <summary>The objects of the network layer cannot be as the Ingress needs them.</summary>
    public static IngressStatus MarkNetworkFailed(IngressStatus status, string reason, string message, DateTimeOffset now) =>
        With(status, Conditions.MarkFalse(Of(status), NetworkConfigured, reason, message, now));

    /// <summary>The load balancer routes the Ingress at these addresses.</summary>
    public static IngressStatus MarkLoadBalancerReady(
        IngressStatus status,
        IReadOnlyList<IngressLoadBalancerAddress> publicAddresses,
        IReadOnlyList<IngressLoadBalancerAddress> privateAddresses,
        DateTimeOffset now
    ) =>
        With(status, Conditions.MarkTrue(Of(status), LoadBalancerReady, now)) with
        {
            PublicLoadBalancer = new IngressLoadBalancerStatus { Ingress = publicAddresses },
            PrivateLoadBalancer = new IngressLoadBalancerStatus { Ingress = privateAddresses },
        };

    /// <summary>The load balancer does not route the Ingress yet; the detail says what it waits for.</summary>
    public static IngressStatus MarkLoadBalancerNotReady(IngressStatus status, DateTimeOffset now, string detail = "") =>
        With(
            status,
            Conditions.MarkUnknown(
                Of(status),
                LoadBalancerReady,
                "Uninitialized",
                $"Waiting for load balancer to be ready{ConditionSet.Detail(detail, ": ")}",
                now
            )
        );

    public static IngressStatus MarkLoadBalancerFailed(IngressStatus status, string reason, string message, DateTimeOffset now) =>
        With(status, Conditions.MarkFalse(Of(status), LoadBalancerReady, reason, message, now));

    public static IngressStatus MarkIngressNotReady(IngressStatus status, string reason, string message, DateTimeOffset now) =>
        With(status, Conditions.MarkUnknown(Of(status), Ready, reason, message, now));

    private static IReadOnlyList<Condition> Of(IngressStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return status.Conditions;
    }

    private static IngressStatus With(IngressStatus status, IReadOnlyList<Condition> conditions) => status with { Conditions = conditions };
}
