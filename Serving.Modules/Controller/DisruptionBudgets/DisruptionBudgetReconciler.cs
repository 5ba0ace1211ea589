using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Controller.DisruptionBudgets;

/// <summary>
/// Creates a PodDisruptionBudget for each Deployment of this install: one pod at a time may be evicted, so that a drain neither evicts all
/// pods nor waits forever for a single one. It is not part of the install manifests because <c>kubectl apply</c> never finds a budget
/// unchanged: its patch always replaces the selector. Invariant: a Deployment whose pods another budget already selects is left alone.
/// </summary>
internal sealed class DisruptionBudgetReconciler(ILister<Deployment> deployments, string systemNamespace) : IReconciler
{
    /// <summary>The prefix of the labels that name the modules of a pod; pods of other implementations do not have them.</summary>
    private const string ModuleLabel = "serving.knative.dev/module-";

    /// <summary>The longest time that a deleted budget stays missing.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromMinutes(10);

    /// <summary>The kind, which is handled as unstructured.</summary>
    internal static ResourceType<Unstructured> Budgets { get; } =
        Unstructured.Type("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", namespaced: true);

    public string Name => "disruptionbudget";

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (
            key.Namespace != systemNamespace
            || deployments.Get(key.Namespace, key.Name) is not { Metadata.DeletionTimestamp: null } deployment
            || deployment.Spec?.Template?.Metadata?.Labels is not { } labels
            || !labels.Keys.Any(static label => label.StartsWith(ModuleLabel, StringComparison.Ordinal))
            || deployment.Spec.Selector?.MatchLabels is not { Count: > 0 } selector
        )
        {
            return Reconcile.Done;
        }

        var budgets = await client.ListAsync(Budgets, systemNamespace, null, cancellation);
        if (!budgets.Items.Any(budget => Selects(budget, labels)))
        {
            await CreateAsync(deployment, selector, client, cancellation);
        }

        return Reconcile.After(LookAgain);
    }

    private static async Task CreateAsync(
        Deployment deployment,
        IReadOnlyDictionary<string, string> selector,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var meta = deployment.Metadata;
        var budget = new JsonObject
        {
            ["apiVersion"] = Budgets.ApiVersion,
            ["kind"] = Budgets.Kind,
            ["metadata"] = new JsonObject
            {
                ["name"] = meta.Name,
                ["namespace"] = meta.Namespace,
                ["labels"] = MapOf(meta.Labels.Where(static label => label.Key.StartsWith("app.kubernetes.io/", StringComparison.Ordinal))),
                ["ownerReferences"] = new JsonArray(
                    new JsonObject
                    {
                        ["apiVersion"] = Resources.Deployments.ApiVersion,
                        ["kind"] = Resources.Deployments.Kind,
                        ["name"] = meta.Name,
                        ["uid"] = meta.Uid,
                    }
                ),
            },
            ["spec"] = new JsonObject
            {
                ["maxUnavailable"] = 1,
                ["selector"] = new JsonObject { ["matchLabels"] = MapOf(selector) },
            },
        };
        try
        {
            await client.CreateAsync(Budgets, new Unstructured(budget), cancellation);
        }
        catch (KubernetesException exists) when (exists.IsAlreadyExists)
        {
            // A user's budget of the same name: its selector is the user's decision.
        }
    }

    /// <summary>Whether a budget selects pods with these labels. An empty selector selects all, a missing one none; one with expressions is
    /// assumed to select ours.</summary>
    private static bool Selects(Unstructured budget, IReadOnlyDictionary<string, string> labels)
    {
        if (budget.Get("spec", "selector") is not { ValueKind: JsonValueKind.Object } selector)
        {
            return false;
        }

        return !selector.TryGetProperty("matchLabels", out var wanted)
            || wanted.EnumerateObject().All(label => labels.GetValueOrDefault(label.Name) == label.Value.GetString());
    }

    private static JsonObject MapOf(IEnumerable<KeyValuePair<string, string>> labels) =>
        [.. labels.Select(static label => KeyValuePair.Create(label.Key, (JsonNode?)JsonValue.Create(label.Value)))];
}
