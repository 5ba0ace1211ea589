using System.Text.Json.Nodes;
using Serving.Api.Core;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>
/// The subresource <c>resize</c> of pods with the rules of Kubernetes 1.34: a write through it changes the CPU and memory of containers and
/// restartable init containers. What else differs in the body is ignored, as in Kubernetes, except for what would make the meaning of the
/// request unclear: other resources, resize policies, and another list of containers are refused.
/// </summary>
internal static class PodResize
{
    /// <summary>The name of the subresource.</summary>
    public const string Subresource = "resize";

    private const string Regular = "containers";
    private const string Initial = "initContainers";

    private static readonly string[] Resizable = ["cpu", "memory"];

    /// <summary>Reduces the document to the stored pod with the resources and resize policies of the document. A list of containers that
    /// are not those of the pod is kept, for <see cref="Check"/>.</summary>
    public static void Confine(JsonObject old, JsonObject document)
    {
        var spec = (JsonObject)(old.Object("spec") ?? []).DeepClone();
        var isSameCount = true;
        foreach (var list in (string[])[Regular, Initial])
            isSameCount &= Containers(old, list).Count == Containers(document, list).Count;
        foreach (var list in (string[])[Regular, Initial])
        {
            var (before, after) = (Containers(old, list), Containers(document, list));
            if (!isSameCount || !before.Zip(after).All(pair => Name(pair.First) == Name(pair.Second)))
            {
                if (after.Count > 0)
                    spec[list] = new JsonArray([.. after.Select(c => c?.DeepClone())]);
                else
                    spec.Remove(list);
                continue;
            }

            var merged = spec.Array(list) ?? [];
            for (var i = 0; i < after.Count; i++)
            {
                if (merged[i] is JsonObject container)
                    TakeResources(container, after[i]);
            }
        }

        // Pod-level resources are not changed, but a request for them is refused and not ignored.
        if (document.At("spec", "resources") is { } pod)
            spec["resources"] = pod.DeepClone();
        document["spec"] = spec;
    }

    /// <summary>Validates a resize after the rules that every pod has to meet.</summary>
    /// <param name="document">The confined new pod.</param>
    /// <param name="old">The stored pod.</param>
    /// <param name="errors">The list to which errors are added.</param>
    public static void Check(JsonObject document, JsonObject old, List<FieldError> errors)
    {
        if (Unsupported(document, old) is { } unsupported)
        {
            errors.Clear();
            errors.Add(FieldError.Forbidden("", unsupported));
            return;
        }

        var quality = old.String("status", "qosClass") is { Length: > 0 } stored ? stored : PodQuality.Of(old.Object("spec"));
        if (PodQuality.Of(document.Object("spec")) != quality)
            errors.Add(FieldError.Invalid("spec", quality, "Pod QOS Class may not change as a result of resizing"));
        if (!NodeSupportsResize(old))
            errors.Add(FieldError.Forbidden("spec", "Pod running on node without support for resize"));
        if (!CheckOrder(document, old, errors))
            return;
        CheckRemovals(document, old, errors);
        CheckRest(document, old, errors);
    }

    private static JsonArray Containers(JsonObject pod, string list) => pod.Array("spec", list) ?? [];

    private static string? Name(JsonNode? container) => container.String("name");

    private static bool IsRestartable(JsonNode? container) => container.String("restartPolicy") == "Always";

    // Equal amounts keep their spelling, so that a resize to what is there changes nothing; others get the canonical one.
    private static void TakeResources(JsonObject container, JsonNode? wanted)
    {
        var before = container.Object("resources");
        var after = (JsonObject)(wanted.Object("resources") ?? []).DeepClone();
        foreach (var list in (string[])["limits", "requests"])
        {
            foreach (var (name, amount) in (after.Object(list) ?? []).ToList())
            {
                if (amount is null)
                    continue;
                var quantity = new Quantity(amount.ToString());
                after[list]![name] =
                    before.At(list, name) is { } kept && quantity.IsSameAmountAs(new Quantity(kept.ToString()))
                        ? kept.DeepClone()
                        : quantity.ToCanonical().Text;
            }
        }

        container["resources"] = after;
        if (wanted.Array("resizePolicy") is { } policy)
            container["resizePolicy"] = policy.DeepClone();
        else
            container.Remove("resizePolicy");
    }

    private static string? Unsupported(JsonObject document, JsonObject old)
    {
        if (HasPodResources(old) || HasPodResources(document))
            return "pods with pod-level resources cannot be resized";
        if (old.At("metadata", "annotations", "kubernetes.io/config.mirror") is not null)
            return "static pods cannot be resized";
        return old.String("spec", "os", "name") == "windows" ? "windows pods cannot be resized" : null;
    }

    private static bool HasPodResources(JsonObject pod) =>
        pod.Object("spec", "resources", "requests") is { Count: > 0 } || pod.Object("spec", "resources", "limits") is { Count: > 0 };

    // A kubelet without the feature does not report resources. Before a container runs, it is not known.
    private static bool NodeSupportsResize(JsonObject pod) =>
        (pod.Array("status", "containerStatuses") ?? []).FirstOrDefault(s => s.At("state", "running") is not null) is not { } running
        || running.At("resources") is not null;

    private static bool CheckOrder(JsonObject document, JsonObject old, List<FieldError> errors)
    {
        var known = errors.Count;
        foreach (var list in (string[])[Regular, Initial])
        {
            var (before, after) = (Containers(old, list), Containers(document, list));
            if (before.Count != after.Count)
            {
                errors.Add(FieldError.Forbidden($"spec.{list}", $"{list} may not be added or removed on resize"));
                continue;
            }

            for (var i = 0; i < before.Count; i++)
            {
                if (Name(before[i]) != Name(after[i]))
                    errors.Add(FieldError.Forbidden($"spec.{list}[{i}].name", $"{list} may not be renamed or reordered on resize"));
            }
        }

        return errors.Count == known;
    }

    private static void CheckRemovals(JsonObject document, JsonObject old, List<FieldError> errors)
    {
        foreach (var list in (string[])[Initial, Regular])
        {
            var (before, after) = (Containers(old, list), Containers(document, list));
            for (var i = 0; i < before.Count; i++)
            {
                if (list == Initial && !IsRestartable(before[i]))
                    continue;
                foreach (var kind in (string[])["requests", "limits"])
                {
                    var left = after[i].Object("resources", kind) ?? [];
                    if ((before[i].Object("resources", kind) ?? []).Any(r => !left.ContainsKey(r.Key)))
                        errors.Add(FieldError.Forbidden($"spec.{list}[{i}].resources.{kind}", $"resource {kind} cannot be removed"));
                }
            }
        }
    }

    private static void CheckRest(JsonObject document, JsonObject old, List<FieldError> errors)
    {
        foreach (var list in (string[])[Regular, Initial])
        {
            foreach (var (before, after) in Containers(old, list).Zip(Containers(document, list)))
            {
                var isMutable = list == Regular || IsRestartable(before);
                if (JsonNode.DeepEquals(ComparablePod.Container(before), ComparablePod.Container(isMutable ? Rest(before, after) : after)))
                    continue;
                errors.Add(
                    FieldError.Forbidden(
                        "spec",
                        list == Regular ? "only cpu and memory resources are mutable"
                            : isMutable ? "only cpu and memory resources for sidecar containers are mutable"
                            : "resources for non-sidecar init containers are immutable"
                    )
                );
            }
        }
    }

    // The container with the former CPU and memory; like Kubernetes it loses resource claims here, so that a container with claims
    // cannot be resized, and ignores the names in a list that the container did not have.
    private static JsonNode? Rest(JsonNode? before, JsonNode? after)
    {
        if (after?.DeepClone() is not JsonObject rest)
            return after;
        var resources = new JsonObject();
        foreach (var list in (string[])["limits", "requests"])
        {
            if (before.Object("resources", list) is not { } had)
                continue;
            var munged = (JsonObject)(after.Object("resources", list) ?? []).DeepClone();
            foreach (var name in Resizable)
            {
                munged.Remove(name);
                if (had[name] is { } amount)
                    munged[name] = amount.DeepClone();
            }

            resources[list] = munged;
        }

        rest["resources"] = resources;
        return rest;
    }
}
