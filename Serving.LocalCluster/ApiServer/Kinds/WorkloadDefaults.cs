using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>The defaults of Deployments, ReplicaSets and similar workloads.</summary>
internal static class WorkloadDefaults
{
    public static void Apply(string kind, JsonObject document)
    {
        if (kind == "ControllerRevision")
            return;
        var spec = document.Child("spec");
        PodDefaults.ApplyTemplate(spec["template"]);
        switch (kind)
        {
            case "Deployment":
                spec.Default("replicas", 1);
                spec.Default("revisionHistoryLimit", 10);
                spec.Default("progressDeadlineSeconds", 600);
                Strategy(spec.Child("strategy"));
                break;
            case "ReplicaSet":
                spec.Default("replicas", 1);
                break;
            case "ReplicationController":
                spec.Default("replicas", 1);
                if (spec.Object("template", "metadata", "labels") is { } labels)
                    spec.Default("selector", labels.DeepClone());
                break;
            case "StatefulSet":
                StatefulSet(spec);
                break;
            case "DaemonSet":
                spec.Default("revisionHistoryLimit", 10);
                var update = spec.Child("updateStrategy");
                update.Default("type", "RollingUpdate");
                if (update.String("type") == "RollingUpdate")
                {
                    update.Child("rollingUpdate").Default("maxUnavailable", 1);
                    update.Child("rollingUpdate").Default("maxSurge", 0);
                }

                break;
            case "Job":
                Job(document, spec);
                break;
            case "CronJob":
                spec.Default("concurrencyPolicy", "Allow");
                spec.Default("suspend", false);
                spec.Default("successfulJobsHistoryLimit", 3);
                spec.Default("failedJobsHistoryLimit", 1);
                PodDefaults.ApplyTemplate(spec.At("jobTemplate", "spec", "template"));
                break;
        }
    }

    private static void Strategy(JsonObject strategy)
    {
        strategy.Default("type", "RollingUpdate");
        if (strategy.String("type") != "RollingUpdate")
            return;
        strategy.Child("rollingUpdate").Default("maxUnavailable", "25%");
        strategy.Child("rollingUpdate").Default("maxSurge", "25%");
    }

    private static void StatefulSet(JsonObject spec)
    {
        spec.Default("replicas", 1);
        spec.Default("revisionHistoryLimit", 10);
        spec.Default("podManagementPolicy", "OrderedReady");
        var update = spec.Child("updateStrategy");
        update.Default("type", "RollingUpdate");
        if (update.String("type") == "RollingUpdate")
            update.Child("rollingUpdate").Default("partition", 0);
        spec.Child("persistentVolumeClaimRetentionPolicy").Default("whenDeleted", "Retain");
        spec.Child("persistentVolumeClaimRetentionPolicy").Default("whenScaled", "Retain");
    }

    private static void Job(JsonObject job, JsonObject spec)
    {
        if (spec["completions"] is null && spec["parallelism"] is null)
        {
            spec["completions"] = 1;
            spec["parallelism"] = 1;
        }

        spec.Default("parallelism", 1);
        spec.Default("backoffLimit", 6);
        spec.Default("completionMode", "NonIndexed");
        spec.Default("suspend", false);
        spec.Default("podReplacementPolicy", "TerminatingOrFailed");
        spec.Default("manualSelector", false);
        if (spec.True("manualSelector") || job.String("metadata", "uid") is not { Length: > 0 } uid || spec["selector"] is not null)
            return;
        spec["selector"] = new JsonObject { ["matchLabels"] = new JsonObject { ["batch.kubernetes.io/controller-uid"] = uid } };
        var labels = spec.Child("template").Child("metadata").Child("labels");
        labels["batch.kubernetes.io/controller-uid"] = uid;
        labels["controller-uid"] = uid;
        labels["batch.kubernetes.io/job-name"] = job.String("metadata", "name");
        labels["job-name"] = job.String("metadata", "name");
    }
}
