using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Patches;
using Serving.LocalCluster.ApiServer.Schemas;
using Serving.LocalCluster.ApiServer.Security;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Handles subresources other than the status.</summary>
internal sealed class SubresourceHandler(
    ObjectStore store,
    ResourceWriter writer,
    ResourceDeleter deleter,
    TokenIssuer tokens,
    PodLogs logs
)
{
    private readonly TokenRequests _tokens = new(store, tokens);

    public Task HandleAsync(ResourceRequest request, string verb, CancellationToken stopping) =>
        (request.Subresource, verb) switch
        {
            ("scale", "get") => ReadScaleAsync(request),
            ("scale", "update") => WriteScaleAsync(request, isPatch: false),
            ("scale", "patch") => WriteScaleAsync(request, isPatch: true),
            ("binding", "create") => BindAsync(request),
            ("eviction", "create") => EvictAsync(request),
            ("log", "get") => logs.WriteAsync(request, Find(request), stopping),
            ("exec" or "attach" or "portforward", "get" or "create") => throw NotOffered(
                request,
                Find(request).Document(),
                logs.DirectoryOf(Find(request))
            ),
            ("finalize", "update") => FinalizeAsync(request),
            ("token", "create") => _tokens.CreateAsync(request, Find(request)),
            ("ephemeralcontainers", "get") => Reply.BytesAsync(request.Context, 200, Find(request).Json),
            _ => throw ApiException.MethodNotAllowed(),
        };

    private StoredObject Find(ResourceRequest request) =>
        store.Get(request.Resource.Group, request.Resource.Plural, request.Namespace, request.Name!) ?? throw request.NotFound();

    // The programs run on the user's own machine, where the user can do all of this directly.
    private static ApiException NotOffered(ResourceRequest request, JsonObject pod, string directory)
    {
        var ports = (pod.Array("spec", "containers") ?? []).SelectMany(c => c.Array("ports") ?? []).Select(p => p.Integer("containerPort"));
        var listens = pod.String("status", "podIP") is { Length: > 0 } address
            ? $"the pod listens on {string.Join(", ", ports.Select(p => $"{address}:{p}").DefaultIfEmpty(address))}"
            : "the pod has no address yet";
        var name = request.Subresource == "portforward" ? "port-forward" : request.Subresource;
        return new ApiException(
            501,
            "NotImplemented",
            $"the local cluster runs pods as processes of this machine; {name} is not offered: {listens}, its logs and files are in {directory}"
        );
    }

    private static async Task<JsonObject> BodyAsync(ResourceRequest request) =>
        await RequestBody.ReadObjectAsync(request.Context, null) ?? [];

    private Task ReadScaleAsync(ResourceRequest request) =>
        Reply.JsonAsync(request.Context, 200, ScaleOf(request.Resource, Conversion.ServedDocument(Find(request), request.Resource)));

    private async Task WriteScaleAsync(ResourceRequest request, bool isPatch)
    {
        var resource = request.Resource;
        var path = (resource.Custom?.SpecReplicasPath ?? ".spec.replicas").TrimStart('.').Split('.');
        var body = isPatch ? await RequestBody.ReadAsync(request.Context) : default;
        var sent = isPatch ? null : await BodyAsync(request);
        var stored = await writer.UpdateAsync(
            request,
            current =>
            {
                var scale = ScaleOf(resource, current);
                var wanted =
                    sent
                    ?? (JsonObject)
                        PatchApplier.Apply(
                            RequestBody.MediaType(request.Context),
                            body,
                            scale,
                            BuiltInSchemas.Instance["autoscaling.v1.Scale"],
                            isCustom: false
                        );
                if (wanted.Integer("spec", "replicas") is < 0)
                    throw ApiException.Invalid(
                        "autoscaling",
                        "Scale",
                        request.Name!,
                        [FieldError.Invalid("spec.replicas", wanted.At("spec", "replicas"), "must be greater than or equal to 0")]
                    );
                if (wanted.String("metadata", "resourceVersion") is { Length: > 0 } version)
                {
                    current.Child("metadata")["resourceVersion"] = version;
                    request.NamesVersion = sent is not null;
                }

                var target = current;
                foreach (var step in path[..^1])
                    target = target.Child(step);
                target[path[^1]] = wanted.Integer("spec", "replicas") ?? 0;
                return current;
            }
        );
        await Reply.JsonAsync(request.Context, 200, ScaleOf(resource, Conversion.ServedDocument(stored, resource)));
    }

    private static JsonObject ScaleOf(ResourceInfo resource, JsonObject document)
    {
        var custom = resource.Custom;
        var metadata = new JsonObject();
        foreach (var name in (string[])["name", "namespace", "uid", "resourceVersion", "creationTimestamp"])
        {
            if (document.At("metadata", name) is { } value)
                metadata[name] = value.DeepClone();
        }

        var status = new JsonObject
        {
            ["replicas"] = document.Integer((custom?.StatusReplicasPath ?? ".status.replicas").TrimStart('.').Split('.')) ?? 0,
        };
        var selector =
            custom is null ? LabelSelectorText(document.At("spec", "selector"))
            : custom.LabelSelectorPath is { } path ? document.String(path.TrimStart('.').Split('.'))
            : null;
        if (!string.IsNullOrEmpty(selector))
            status["selector"] = selector;
        return new JsonObject
        {
            ["kind"] = "Scale",
            ["apiVersion"] = "autoscaling/v1",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject
            {
                ["replicas"] = document.Integer((custom?.SpecReplicasPath ?? ".spec.replicas").TrimStart('.').Split('.')) ?? 0,
            },
            ["status"] = status,
        };
    }

    /// <summary>A selector in the query's syntax.</summary>
    public static string LabelSelectorText(JsonNode? selector)
    {
        var labels = selector.Object("matchLabels") ?? (selector.Array("matchExpressions") is null ? selector as JsonObject : null) ?? [];
        var parts = labels.Select(l => $"{l.Key}={l.Value?.ToString()}").ToList();
        foreach (var expression in selector.Array("matchExpressions") ?? [])
        {
            var (key, values) = (expression.String("key"), string.Join(',', (expression.Array("values") ?? []).Select(v => v?.ToString())));
            parts.Add(
                expression.String("operator") switch
                {
                    "In" => $"{key} in ({values})",
                    "NotIn" => $"{key} notin ({values})",
                    "DoesNotExist" => $"!{key}",
                    _ => key ?? "",
                }
            );
        }

        return string.Join(',', parts);
    }

    private async Task BindAsync(ResourceRequest request)
    {
        var binding = await BodyAsync(request);
        var node = binding.String("target", "name") ?? throw ApiException.BadRequest("target.name is required");
        await writer.UpdateAsync(
            request,
            pod =>
            {
                if (pod.At("metadata", "deletionTimestamp") is not null)
                    throw ApiException.Conflict(
                        "",
                        "pods/binding",
                        request.Name!,
                        $"pod {request.Name} is being deleted, cannot be assigned to a host"
                    );
                if (pod.String("spec", "nodeName") is { Length: > 0 } bound)
                    throw ApiException.Conflict(
                        "",
                        "pods/binding",
                        request.Name!,
                        $"pod {request.Name} is already assigned to node \"{bound}\""
                    );
                pod.Child("spec")["nodeName"] = node;
                Scheduled(pod);
                return pod;
            }
        );
        await SucceedAsync(request);
    }

    private void Scheduled(JsonObject pod)
    {
        var status = pod.Child("status");
        if (status["conditions"] is not JsonArray conditions)
            status["conditions"] = conditions = [];
        if (conditions.Any(c => c.String("type") == "PodScheduled" && c.String("status") == "True"))
            return;
        conditions.Add(
            new JsonObject
            {
                ["type"] = "PodScheduled",
                ["status"] = "True",
                ["lastTransitionTime"] = Json.Time(store.Time.GetUtcNow()),
            }
        );
    }

    private async Task EvictAsync(ResourceRequest request)
    {
        var eviction = await BodyAsync(request);
        var pod = Find(request);
        foreach (
            var budget in store.All("policy", "poddisruptionbudgets").Where(b => b.Namespace == request.Namespace).Select(b => b.Document())
        )
        {
            if (Selector.Matches(budget.Object("spec", "selector"), pod.Labels) && budget.Integer("status", "disruptionsAllowed") is <= 0)
            {
                throw new ApiException(
                    429,
                    "TooManyRequests",
                    "Cannot evict pod as it would violate the pod's disruption budget.",
                    new JsonObject
                    {
                        ["causes"] = new JsonArray(
                            new JsonObject
                            {
                                ["reason"] = "DisruptionBudget",
                                ["message"] =
                                    $"The disruption budget {budget.String("metadata", "name")} does not allow evicting pods currently",
                            }
                        ),
                    }
                );
            }
        }

        await deleter.DeleteAsync(request, request.Namespace, request.Name!, eviction.Object("deleteOptions") ?? []);
        await SucceedAsync(request);
    }

    private async Task FinalizeAsync(ResourceRequest request)
    {
        var sent = await BodyAsync(request);
        request.NamesVersion = sent.String("metadata", "resourceVersion") is { Length: > 0 };
        var stored = await writer.UpdateAsync(
            request,
            current =>
            {
                current.Child("spec")["finalizers"] = sent.At("spec", "finalizers")?.DeepClone() ?? new JsonArray();
                if (request.NamesVersion)
                    current.Child("metadata")["resourceVersion"] = sent.String("metadata", "resourceVersion");
                return current;
            }
        );
        await Reply.BytesAsync(request.Context, 200, stored.Json);
    }

    private static Task SucceedAsync(ResourceRequest request) =>
        Reply.JsonAsync(
            request.Context,
            201,
            new JsonObject
            {
                ["kind"] = "Status",
                ["apiVersion"] = "v1",
                ["metadata"] = new JsonObject(),
                ["status"] = "Success",
                ["code"] = 201,
            }
        );
}
