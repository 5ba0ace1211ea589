namespace Serving.Api.WellKnown;

/// <summary>Annotations of parked and of ephemeral pods. They have a group of their own, because Knative does not know them and nothing of
/// its is redefined.</summary>
public static class ReserveKeys
{
    public const string Group = "autoscaling.serving.dev";

    /// <summary>The number of pods that an idle revision keeps parked instead of none; 0 is none.</summary>
    public const string Scale = "autoscaling.serving.dev/reserve-scale";

    /// <summary>The most CPU that a container of a parked pod requests.</summary>
    public const string Cpu = "autoscaling.serving.dev/reserve-cpu";

    /// <summary>The most memory that a container of a parked pod requests.</summary>
    public const string Memory = "autoscaling.serving.dev/reserve-memory";

    /// <summary>The time without requests after which pods are parked.</summary>
    public const string After = "autoscaling.serving.dev/reserve-after";

    /// <summary>The number of requests that a pod serves before it is replaced.</summary>
    public const string MaxRequestsPerPod = "autoscaling.serving.dev/max-requests-per-pod";
}
