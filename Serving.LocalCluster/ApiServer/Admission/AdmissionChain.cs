using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Patches;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Admission;

/// <summary>Asks the webhooks that are configured: those that change objects one after the other, then those that only judge, at once.</summary>
internal sealed class AdmissionChain(ObjectStore store, ResourceRegistry registry, WebhookClient client, ILogger<AdmissionChain> logger)
{
    private const string Group = "admissionregistration.k8s.io";

    /// <summary>Where the control plane is, whose own webhook is reached by a Service.</summary>
    private const string SystemNamespace = "knative-serving";

    // Every write asks for the configurations: they are parsed once a revision.
    private readonly ConditionalWeakTable<StoredObject, List<JsonObject>> _parsed = [];

    /// <summary>Lets mutating webhooks change an object; the result, shaped and defaulted anew when one did.</summary>
    public async Task<JsonObject> MutateAsync(AdmissionOperation operation, ResourceRequest request, JsonObject document, JsonObject? old)
    {
        var webhooks = Configured("mutatingwebhookconfigurations", request);
        if (webhooks.Count == 0)
            return document;
        var changedBy = new Dictionary<JsonObject, bool>();
        var current = document;
        foreach (var webhook in webhooks)
        {
            var before = current;
            current = await MutateOnceAsync(webhook, operation, request, current, old).ConfigureAwait(false);
            var hasChanged = !ReferenceEquals(before, current);
            changedBy[webhook] = hasChanged;
        }

        // A webhook that wants it is asked once more when a later one has changed the object.
        for (var i = 0; i < webhooks.Count; i++)
        {
            if (webhooks[i].String("reinvocationPolicy") == "IfNeeded" && webhooks.Skip(i + 1).Any(later => changedBy[later]))
                current = await MutateOnceAsync(webhooks[i], operation, request, current, old).ConfigureAwait(false);
        }

        return current;
    }

    /// <summary>Lets validating webhooks judge a request.</summary>
    /// <param name="operation">What is done.</param>
    /// <param name="request">The request.</param>
    /// <param name="document">The object as it would be; null for a delete.</param>
    /// <param name="old">The object as it is; null for a create.</param>
    /// <exception cref="ApiException">A webhook refuses it.</exception>
    public async Task ValidateAsync(AdmissionOperation operation, ResourceRequest request, JsonObject? document, JsonObject? old)
    {
        if (operation == AdmissionOperation.Delete)
        {
            foreach (var mutating in Configured("mutatingwebhookconfigurations", request))
                await AskAsync(mutating, operation, request, null, old).ConfigureAwait(false);
        }

        var webhooks = Configured("validatingwebhookconfigurations", request);
        if (webhooks.Count > 0)
            await Task.WhenAll(webhooks.Select(w => AskAsync(w, operation, request, document, old))).ConfigureAwait(false);
    }

    // Webhooks are not asked about webhooks: a broken one could not be corrected. Nor about what a start writes before its webhook can answer.
    private List<JsonObject> Configured(string resource, ResourceRequest request)
    {
        if (request.Caller.SkipsWebhooks || (request.Resource.Group == Group && request.Resource.Custom is null) || LeadsToControlPlane(request))
            return [];
        var webhooks = new List<JsonObject>();
        foreach (var configuration in store.Snapshot(Group, resource).Objects.Values)
            webhooks.AddRange(_parsed.GetValue(configuration, static c => [.. (c.Document().Array("webhooks") ?? []).OfType<JsonObject>()]));
        return webhooks;
    }

    // What tells the way to the control plane, and which process leads it: a webhook of somebody else that is broken would keep it from starting for ever.
    private static bool LeadsToControlPlane(ResourceRequest request) => request.Namespace == SystemNamespace
        && request.Resource.Custom is null
        && (request.Resource.Plural is "endpoints" or "endpointslices" or "leases" || (request.Resource.Plural == "pods" && request.Subresource == "status"));

    private async Task<JsonObject> MutateOnceAsync(
        JsonObject webhook, AdmissionOperation operation, ResourceRequest request, JsonObject document, JsonObject? old)
    {
        var answer = await AskAsync(webhook, operation, request, document, old).ConfigureAwait(false);
        if (answer?.String("patch") is not { Length: > 0 } patch)
            return document;
        try
        {
            var operations = (JsonArray)Json.Parse(Convert.FromBase64String(patch))!;
            if (operations.Count == 0)
                return document;
            var patched = (JsonObject)JsonPatch.Apply(document.DeepClone(), operations)!;
            BodyDecoder.Shape(request.Resource, patched);
            return JsonNode.DeepEquals(patched, document) ? document : patched;
        }
        catch (Exception exception) when (exception is FormatException or JsonException or InvalidCastException or ApiException)
        {
            throw ApiException.Internal($"failed calling webhook \"{webhook.String("name")}\": its patch does not apply: {exception.Message}");
        }
    }

    // The webhook's answer, or null when it was not asked or its failure is ignored.
    private async Task<JsonObject?> AskAsync(JsonObject webhook, AdmissionOperation operation, ResourceRequest request, JsonObject? document, JsonObject? old)
    {
        var seen = WebhookRules.Match(webhook, request, operation, document, old, store, registry);
        if (seen is null)
            return null;
        var name = webhook.String("name") ?? "";
        if (request.IsDryRun && webhook.String("sideEffects") is not ("None" or "NoneOnDryRun"))
            throw ApiException.BadRequest($"admission webhook \"{name}\" does not support dry run");
        var review = Review(operation, request, document, old, seen);
        JsonObject response;
        try
        {
            var timeout = TimeSpan.FromSeconds(webhook.Integer("timeoutSeconds") ?? 10);
            var answer = await client.CallAsync(webhook.Object("clientConfig") ?? [], review, timeout, request.Cancellation).ConfigureAwait(false);
            response = answer.Object("response") ?? throw new HttpRequestException("webhook response is missing");
            if (response.String("uid") != review.String("request", "uid"))
                throw new HttpRequestException("expected response.uid to be that of the request");
        }
        catch (HttpRequestException exception)
        {
            var text = $"failed calling webhook \"{name}\": failed to call webhook: {exception.Message}";
            if (webhook.String("failurePolicy") != "Ignore")
                throw ApiException.Internal(text);
            logger.LogWarning("{Text}; ignored, as its failurePolicy says", text);
            return null;
        }

        lock (request.Warnings)
            request.Warnings.AddRange((response.Array("warnings") ?? []).Select(w => w?.GetValue<string>() ?? ""));
        return response.True("allowed") ? response : throw Denied(name, response.Object("status"));
    }

    private static ApiException Denied(string webhook, JsonObject? status)
    {
        var code = (int)(status.Integer("code") ?? 0);
        if (code < 400)
            code = 403;
        var reason = status.String("reason") is { Length: > 0 } given ? given : code switch
        {
            400 => "BadRequest",
            403 => "Forbidden",
            409 => "Conflict",
            422 => "Invalid",
            500 => "InternalError",
            _ => "",
        };
        var text = status.String("message") is { Length: > 0 } message ? $"admission webhook \"{webhook}\" denied the request: {message}"
            : status.String("reason") is { Length: > 0 } why ? $"admission webhook \"{webhook}\" denied the request: {why}"
            : $"admission webhook \"{webhook}\" denied the request without explanation";
        return new ApiException(code, reason, text, status.Object("details"));
    }

    private static JsonObject Review(AdmissionOperation operation, ResourceRequest request, JsonObject? document, JsonObject? old, ResourceInfo seen)
    {
        var resource = request.Resource;
        var kind = new JsonObject { ["group"] = seen.Group, ["version"] = seen.Version, ["kind"] = seen.Kind };
        var place = new JsonObject { ["group"] = seen.Group, ["version"] = seen.Version, ["resource"] = seen.Plural };
        var asked = new JsonObject
        {
            ["uid"] = Guid.NewGuid().ToString(),
            ["kind"] = kind,
            ["resource"] = place,
            ["requestKind"] = new JsonObject { ["group"] = resource.Group, ["version"] = resource.Version, ["kind"] = resource.Kind },
            ["requestResource"] = new JsonObject { ["group"] = resource.Group, ["version"] = resource.Version, ["resource"] = resource.Plural },
            ["name"] = document.String("metadata", "name") ?? old.String("metadata", "name") ?? request.Name,
            ["operation"] = operation.ToString().ToUpperInvariant(),
            ["userInfo"] = request.Caller.ToUserInfo(),
            ["object"] = In(document, seen),
            ["oldObject"] = In(old, seen),
            ["dryRun"] = request.IsDryRun,
            ["options"] = new JsonObject { ["kind"] = $"{operation}Options", ["apiVersion"] = "meta.k8s.io/v1" },
        };
        if (request.Subresource is not null)
        {
            asked["subResource"] = request.Subresource;
            asked["requestSubResource"] = request.Subresource;
        }

        if (resource.IsNamespaced)
            asked["namespace"] = request.Namespace;
        else if (resource is { Group: "", Kind: "Namespace" })
            asked["namespace"] = asked["name"]?.DeepClone();
        return new JsonObject { ["kind"] = "AdmissionReview", ["apiVersion"] = "admission.k8s.io/v1", ["request"] = asked };
    }

    private static JsonNode? In(JsonObject? document, ResourceInfo seen)
    {
        var copy = document?.DeepClone();
        if (copy is JsonObject map)
            map["apiVersion"] = seen.ApiVersion;
        return copy;
    }
}
