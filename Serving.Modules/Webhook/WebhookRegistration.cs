using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Webhook;

/// <summary>
/// Keeps the three webhook configurations of the cluster up to date: path, rules and CA bundle. The other fields (Service, failure policy,
/// selectors, timeouts) belong to the installation. A process outside the cluster replaces the Service by its URL; those inside restore the
/// Service. Invariant: the process outside yields, so that the two never fight.
/// </summary>
internal sealed class WebhookRegistration(WebhookOptions options, string systemNamespace)
{
    private const string ExcludeLabel = "webhooks.knative.dev/exclude";
    private const int Attempts = 5;
    private const string Lost =
        "a webhook of the cluster has taken the registration back: scale its Deployment to zero, then start this again";

    private readonly HashSet<string> _taken = [];

    /// <summary>A webhook configuration: its name, which is also the name of its webhook, the path, and the rules.</summary>
    internal sealed record Entry(
        ResourceType<WebhookConfiguration> Resource,
        string Name,
        string Path,
        bool IsOurKinds,
        Func<JsonArray> Rules
    );

    /// <summary>All configurations.</summary>
    public static IReadOnlyList<Entry> Entries { get; } =
    [
        new(
            Resources.MutatingWebhookConfigurations,
            "webhook.serving.knative.dev",
            "/defaulting",
            true,
            static () => KindRules(AdmissionOperations.Create, AdmissionOperations.Update)
        ),
        new(
            Resources.ValidatingWebhookConfigurations,
            "validation.webhook.serving.knative.dev",
            "/resource-validation",
            true,
            static () => KindRules(AdmissionOperations.Create, AdmissionOperations.Update, AdmissionOperations.Delete)
        ),
        new(
            Resources.ValidatingWebhookConfigurations,
            "config.webhook.serving.knative.dev",
            "/config-validation",
            false,
            static () => [Rule("", "v1", ["configmaps/*"], [AdmissionOperations.Create, AdmissionOperations.Update], "Namespaced")]
        ),
    ];

    /// <summary>Whether a process inside the cluster replaced the registration of this process, outside.</summary>
    public bool IsLost { get; private set; }

    /// <summary>
    /// Updates every configuration. Each has the system namespace as its owner: a webhook whose Service was deleted with its namespace
    /// would reject every write in the cluster. Returns null, or why one could not be updated.
    /// </summary>
    public async Task<string?> ApplyAsync(IKubernetesClient client, string authorities, CancellationToken cancellation)
    {
        if (IsLost)
        {
            return Lost;
        }

        OwnerReference owner;
        try
        {
            owner = Owner(await client.GetAsync(Resources.Namespaces, null, systemNamespace, cancellation));
        }
        catch (KubernetesException missing) when (missing.IsNotFound)
        {
            return $"the namespace {systemNamespace} does not exist";
        }

        foreach (var entry in Entries)
        {
            if (await ApplyAsync(client, entry, owner, authorities, cancellation) is { } problem)
            {
                return problem;
            }
        }

        return null;
    }

    /// <summary>Checks without writing: null when every configuration trusts <paramref name="authorities"/>, otherwise which one does
    /// not.</summary>
    public static async Task<string?> FindDistrustAsync(IKubernetesClient client, string authorities, CancellationToken cancellation)
    {
        foreach (var entry in Entries)
        {
            try
            {
                var current = await client.GetAsync(entry.Resource, null, entry.Name, cancellation);
                if (!current.Webhooks.Any(webhook => Trusts(webhook, entry.Name, authorities)))
                {
                    return $"{entry.Resource.Kind} {entry.Name} does not trust the certificate yet";
                }
            }
            catch (KubernetesException missing) when (missing.IsNotFound)
            {
                return $"{entry.Resource.Kind} {entry.Name} does not exist";
            }
        }

        return null;
    }

    private static bool Trusts(JsonElement webhook, string name, string authorities) =>
        webhook.ValueKind == JsonValueKind.Object
        && JsonObject.Create(webhook) is { } node
        && node["name"]?.GetValue<string>() == name
        && node["clientConfig"]?["caBundle"]?.GetValue<string>() is { } bundle
        && Encoding.UTF8.GetString(Convert.FromBase64String(bundle)).Trim() == authorities.Trim();

    private static OwnerReference Owner(Namespace ns) =>
        new()
        {
            ApiVersion = "v1",
            Kind = "Namespace",
            Name = ns.Metadata.Name,
            Uid = ns.Metadata.Uid,
            Controller = false,
            BlockOwnerDeletion = true,
        };

    private async Task<string?> ApplyAsync(
        IKubernetesClient client,
        Entry entry,
        OwnerReference owner,
        string authorities,
        CancellationToken cancellation
    )
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var current = await client.GetAsync(entry.Resource, null, entry.Name, cancellation);
                if (options.Url is not null && _taken.Contains(entry.Name) && current.Webhooks.Any(webhook => IsByService(webhook, entry)))
                {
                    IsLost = true;
                    return Lost;
                }

                if (!TryFill(current, entry, authorities, out var wanted))
                {
                    return $"{entry.Resource.Kind} {entry.Name} has no webhook {entry.Name}";
                }

                wanted = wanted with { Metadata = wanted.Metadata with { OwnerReferences = [owner] } };
                if (!current.Webhooks.Zip(wanted.Webhooks, JsonElement.DeepEquals).All(same => same) || !IsOwnedBy(current, owner))
                {
                    await client.UpdateAsync(entry.Resource, wanted, cancellation);
                }

                _taken.Add(entry.Name);
                return null;
            }
            catch (KubernetesException missing) when (missing.IsNotFound)
            {
                return $"{entry.Resource.Kind} {entry.Name} does not exist";
            }
            catch (KubernetesException conflict) when (conflict.IsConflict && attempt < Attempts)
            {
                // Another replica writes the same; read again.
            }
        }
    }

    private static bool IsOwnedBy(WebhookConfiguration configuration, OwnerReference owner) =>
        configuration.Metadata.OwnerReferences is [var only]
        && (only.ApiVersion, only.Kind, only.Name, only.Uid, only.Controller, only.BlockOwnerDeletion)
            == (owner.ApiVersion, owner.Kind, owner.Name, owner.Uid, owner.Controller, owner.BlockOwnerDeletion);

    /// <summary>The configuration with our fields set; false when it does not contain our webhook.</summary>
    internal bool TryFill(WebhookConfiguration current, Entry entry, string authorities, out WebhookConfiguration filled)
    {
        var found = false;
        var webhooks = new List<JsonElement>();
        foreach (var webhook in current.Webhooks)
        {
            if (
                webhook.ValueKind != JsonValueKind.Object
                || JsonObject.Create(webhook) is not { } node
                || node["name"]?.GetValue<string>() != entry.Name
            )
            {
                webhooks.Add(webhook);
                continue;
            }

            found = true;
            var target = node["clientConfig"] as JsonObject ?? [];
            node["clientConfig"] = target;
            Point(target, entry.Path);
            target["caBundle"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(authorities));
            node["rules"] = entry.Rules();
            if (entry.IsOurKinds)
            {
                ExcludeByLabel(node);
            }

            if (entry.Resource == Resources.MutatingWebhookConfigurations)
            {
                node["reinvocationPolicy"] = "IfNeeded";
            }

            webhooks.Add(JsonSerializer.SerializeToElement(node, WebhookJson.Default.JsonObject));
        }

        filled = current with { Webhooks = webhooks };
        return found;
    }

    private static bool IsByService(JsonElement webhook, Entry entry) =>
        webhook.ValueKind == JsonValueKind.Object
        && webhook.TryGetProperty("name", out var name)
        && name.ValueEquals(entry.Name)
        && webhook.TryGetProperty("clientConfig", out var target)
        && target.TryGetProperty("service", out var service)
        && service.ValueKind == JsonValueKind.Object;

    /// <summary>Uses our URL if there is one; otherwise the Service set by the installation, or our Service in place of a URL.</summary>
    private void Point(JsonObject target, string path)
    {
        if (options.Url is { } url)
        {
            target.Remove("service");
            target["url"] = url.AbsoluteUri.TrimEnd('/') + path;
            return;
        }

        target.Remove("url");
        if (target["service"] is not JsonObject service)
        {
            target["service"] = service = new JsonObject { ["name"] = options.ServiceName, ["namespace"] = systemNamespace };
        }

        service["path"] = path;
    }

    private static void ExcludeByLabel(JsonObject webhook)
    {
        if (webhook["namespaceSelector"] is not JsonObject selector)
        {
            webhook["namespaceSelector"] = selector = [];
        }

        if (selector["matchExpressions"] is not JsonArray expressions)
        {
            selector["matchExpressions"] = expressions = [];
        }

        if (!expressions.Any(e => e?["key"]?.GetValue<string>() == ExcludeLabel))
        {
            expressions.Add((JsonNode)new JsonObject { ["key"] = ExcludeLabel, ["operator"] = "DoesNotExist" });
        }
    }

    /// <summary>
    /// The objects, without their status: a status has neither defaults nor rules beyond its schema, and an update of it cannot change
    /// anything else. Reviews of the status would be two of three calls while a Service becomes ready.
    /// </summary>
    private static JsonArray KindRules(params string[] operations) =>
        [.. AdmittedKinds.All.Select(k => Rule(k.Resource.Group, k.Resource.Version, [k.Resource.Plural], operations, "*"))];

    private static JsonObject Rule(string group, string version, string[] resources, string[] operations, string scope) =>
        new()
        {
            ["apiGroups"] = new JsonArray(group),
            ["apiVersions"] = new JsonArray(version),
            ["operations"] = new JsonArray([.. operations.Select(o => JsonValue.Create(o))]),
            ["resources"] = new JsonArray([.. resources.Select(r => JsonValue.Create(r))]),
            ["scope"] = scope,
        };
}
