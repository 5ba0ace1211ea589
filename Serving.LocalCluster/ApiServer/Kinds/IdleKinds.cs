namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>The kinds that are stored but have no controller in the local cluster: creating one returns a warning.</summary>
internal static class IdleKinds
{
    /// <summary>The warning for an object of this kind; null when it has a controller.</summary>
    public static string? Warning(ResourceInfo resource) =>
        resource.Custom is not null
            ? null
            : (resource.Group, resource.Kind) switch
            {
                ("batch", "Job" or "CronJob") or ("apps", "StatefulSet" or "DaemonSet") or ("", "ReplicationController") =>
                    $"the local cluster has no controller for {resource.Kind}: nothing will run",
                ("autoscaling", _) => $"the local cluster has no controller for {resource.Kind}: nothing will be scaled",
                ("", "ResourceQuota" or "LimitRange") or ("networking.k8s.io", "NetworkPolicy") =>
                    $"the local cluster does not enforce {resource.Kind}: nothing will be limited",
                ("networking.k8s.io", "Ingress") => "the local cluster has no controller for Ingress: nothing will be routed",
                ("policy", "PodDisruptionBudget") =>
                    "the local cluster has no controller for PodDisruptionBudget: its status is never written",
                _ => null,
            };
}
