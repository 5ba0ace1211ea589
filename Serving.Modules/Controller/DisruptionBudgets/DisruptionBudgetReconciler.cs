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
/// Gives each Deployment of this install a disruption budget: one pod at a time leaves for a node's sake, so that a drain neither takes all
/// nor waits for ever on a single one. It is not in the files of the install because <c>kubectl apply</c> never finds a budget unchanged:
/// its patch replaces the selector whether or not it differs. Invariant: a Deployment whose pods some budget selects already is left alone.
/// </summary>
internal sealed class DisruptionBudgetReconciler(ILister<Deployment> deployments, string systemNamespace) : IReconciler
{
    /// <summary>The start of the labels that name the modules of a pod; no other implementation's pods have them.</summary>
    private const string ModuleLabel = "serving.knative.dev/module-";

    /// <summary>How long a budget that somebody deleted may be missing.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromMinutes(10);

    /// <summary>The kind, which is read and written as a document.</summary>
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
            // Somebody's own of that name: what it selects is theirs to say.
        }
    }

    /// <summary>Whether a budget is about pods with these labels. An empty selector is about all, none about none; one of expressions is
    /// taken to be about ours.</summary>
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
