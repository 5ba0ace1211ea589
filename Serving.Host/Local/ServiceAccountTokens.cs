using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Kubernetes.Client;
using Serving.LocalCluster.Node;

namespace Serving.Host.Local;

/// <summary>Requests service account tokens from the API server, through the <c>serviceaccounts/token</c> subresource.</summary>
internal sealed class ServiceAccountTokens(IKubernetesClient client)
{
    /// <summary>A token for a pod's volume, valid while the pod exists.</summary>
    public Task<string> IssueAsync(ServiceAccountTokenRequest request, CancellationToken cancellation) =>
        IssueAsync(
            request.Namespace,
            request.ServiceAccount,
            new JsonObject
            {
                ["expirationSeconds"] = (long)request.Lifetime.TotalSeconds,
                ["audiences"] = request.Audience.Length == 0 ? new JsonArray() : new JsonArray(JsonValue.Create(request.Audience)),
                ["boundObjectRef"] = new JsonObject
                {
                    ["apiVersion"] = "v1",
                    ["kind"] = "Pod",
                    ["name"] = request.PodName,
                    ["uid"] = request.PodUid,
                },
            },
            cancellation
        );

    /// <summary>A token that is not bound to an object.</summary>
    public Task<string> IssueAsync(string ns, string account, TimeSpan lifetime, CancellationToken cancellation) =>
        IssueAsync(ns, account, new JsonObject { ["expirationSeconds"] = (long)lifetime.TotalSeconds }, cancellation);

    private async Task<string> IssueAsync(string ns, string account, JsonObject spec, CancellationToken cancellation)
    {
        var type = Unstructured.Type("", "v1", $"serviceaccounts/{account}/token", "TokenRequest", namespaced: true);
        var created = await client.CreateAsync(
            type,
            new Unstructured(
                new JsonObject
                {
                    ["apiVersion"] = "authentication.k8s.io/v1",
                    ["kind"] = "TokenRequest",
                    ["metadata"] = new JsonObject { ["name"] = account, ["namespace"] = ns },
                    ["spec"] = spec,
                }
            ),
            cancellation
        );
        return created.Get("status", "token")?.GetString()
            ?? throw new InvalidOperationException($"the API server returned no token for service account {ns}/{account}");
    }
}
