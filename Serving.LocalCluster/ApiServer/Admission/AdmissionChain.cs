using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Patches;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Admission;

/// <summary>Calls the configured webhooks: the mutating ones one after the other, then the validating ones in parallel.</summary>
internal sealed class AdmissionChain(ObjectStore store, ResourceRegistry registry, WebhookClient client, ILogger<AdmissionChain> logger)
{
    private const string Group = "admissionregistration.k8s.io";

    /// <summary>The namespace of the control plane and its webhook Service.</summary>
    private const string SystemNamespace = "knative-serving";

    // Every write needs the configurations: they are parsed once per revision.
    private readonly ConditionalWeakTable<StoredObject, List<JsonObject>> _parsed = [];

    /// <summary>Runs the mutating webhooks; returns the object, pruned and defaulted again if one changed it.</summary>
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
            current = await MutateOnceAsync(webhook, operation, request, current, old);
            var hasChanged = !ReferenceEquals(before, current);
            changedBy[webhook] = hasChanged;
        }

        // reinvocationPolicy IfNeeded: the webhook is called again when a later one has changed the object.
        for (var i = 0; i < webhooks.Count; i++)
        {
            if (webhooks[i].String("reinvocationPolicy") == "IfNeeded" && webhooks.Skip(i + 1).Any(later => changedBy[later]))
                current = await MutateOnceAsync(webhooks[i], operation, request, current, old);
        }

        return current;
    }

    /// <summary>Runs the validating webhooks.</summary>
    /// <param name="operation">The operation.</param>
    /// <param name="request">The request.</param>
    /// <param name="document">The new object; null for a delete.</param>
    /// <param name="old">The stored object; null for a create.</param>
    /// <exception cref="ApiException">A webhook rejects the request.</exception>
    public async Task ValidateAsync(AdmissionOperation operation, ResourceRequest request, JsonObject? document, JsonObject? old)
    {
        if (operation == AdmissionOperation.Delete)
        {
            foreach (var mutating in Configured("mutatingwebhookconfigurations", request))
                await AskAsync(mutating, operation, request, null, old);
        }

        var webhooks = Configured("validatingwebhookconfigurations", request);
        if (webhooks.Count > 0)
            await Task.WhenAll(webhooks.Select(w => AskAsync(w, operation, request, document, old)));
    }

    // No webhooks for webhook configurations: a broken one could not be fixed. Nor for writes of a start, before its webhook is up.
    private List<JsonObject> Configured(string resource, ResourceRequest request)
    {
        if (
            request.Caller.SkipsWebhooks
            || (request.Resource.Group == Group && request.Resource.Custom is null)
            || LeadsToControlPlane(request)
        )
            return [];
        var webhooks = new List<JsonObject>();
        foreach (var configuration in store.Snapshot(Group, resource).Objects.Values)
            webhooks.AddRange(
                _parsed.GetValue(configuration, static c => [.. (c.Document().Array("webhooks") ?? []).OfType<JsonObject>()])
            );
        return webhooks;
    }

    // No webhooks for the endpoints and Leases of the control plane: a broken third-party webhook would block its start forever.
    private static bool LeadsToControlPlane(ResourceRequest request) =>
        request.Namespace == SystemNamespace
        && request.Resource.Custom is null
        && (
            request.Resource.Plural is "endpoints" or "endpointslices" or "leases"
            || (request.Resource.Plural == "pods" && request.Subresource == "status")
        );

    private async Task<JsonObject> MutateOnceAsync(
        JsonObject webhook,
        AdmissionOperation operation,
        ResourceRequest request,
        JsonObject document,
        JsonObject? old
    )
    {
        var answer = await AskAsync(webhook, operation, request, document, old);
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
            throw ApiException.Internal(
                $"failed calling webhook \"{webhook.String("name")}\": its patch does not apply: {exception.Message}"
            );
        }
    }

    // The webhook's response, or null when it was not called or its failure is ignored.
    private async Task<JsonObject?> AskAsync(
        JsonObject webhook,
        AdmissionOperation operation,
        ResourceRequest request,
        JsonObject? document,
        JsonObject? old
    )
    {
        var seen = WebhookRules.Match(webhook, request, operation, document, old, store, registry);
        if (seen is null)
            return null;
        var name = webhook.String("name") ?? "";
        if (request.IsDryRun && webhook.String("sideEffects") is not ("None" or "NoneOnDryRun"))
            throw ApiException.BadRequest($"admission webhook \"{name}\" does not support dry run");
        var uid = Guid.NewGuid().ToString();
        var review = ReviewBody.Write(uid, operation, request, document, old, seen);
        JsonObject response;
        try
        {
            var timeout = TimeSpan.FromSeconds(webhook.Integer("timeoutSeconds") ?? 10);
            var answer = await client.CallAsync(webhook.Object("clientConfig") ?? [], review, timeout, request.Cancellation);
            response = answer.Object("response") ?? throw new HttpRequestException("webhook response is missing");
            if (response.String("uid") != uid)
                throw new HttpRequestException("expected response.uid to be that of the request");
        }
        catch (HttpRequestException exception)
        {
            var text = $"failed calling webhook \"{name}\": failed to call webhook: {exception.Message}";
            if (webhook.String("failurePolicy") != "Ignore")
                throw ApiException.Internal(text);
            logger.LogWarning("{Text}; ignored because its failurePolicy is Ignore", text);
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
        var reason = status.String("reason") is { Length: > 0 } given
            ? given
            : code switch
            {
                400 => "BadRequest",
                403 => "Forbidden",
                409 => "Conflict",
                422 => "Invalid",
                500 => "InternalError",
                _ => "",
            };
        var text =
            status.String("message") is { Length: > 0 } message ? $"admission webhook \"{webhook}\" denied the request: {message}"
            : status.String("reason") is { Length: > 0 } why ? $"admission webhook \"{webhook}\" denied the request: {why}"
            : $"admission webhook \"{webhook}\" denied the request without explanation";
        return new ApiException(code, reason, text, status.Object("details"));
    }
}
