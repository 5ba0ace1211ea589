using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Kubernetes;
using Serving.LocalCluster.Node;

namespace Serving.Host.Local;

/// <summary>Asks the API server for the tokens that pods mount.</summary>
internal sealed class ServiceAccountTokens(IKubernetesClient client)
{
    /// <summary>A token for a pod, by the <c>serviceaccounts/token</c> subresource.</summary>
    public async Task<string> IssueAsync(ServiceAccountTokenRequest request, CancellationToken cancellation)
    {
        var type = Unstructured.Type("", "v1", $"serviceaccounts/{request.ServiceAccount}/token", "TokenRequest", namespaced: true);
        var spec = new JsonObject
        {
            ["expirationSeconds"] = (long)request.Lifetime.TotalSeconds,
            ["audiences"] = request.Audience.Length == 0 ? new JsonArray() : new JsonArray(JsonValue.Create(request.Audience)),
            ["boundObjectRef"] = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Pod", ["name"] = request.PodName, ["uid"] = request.PodUid },
        };
        var created = await client.CreateAsync(
            type,
            new Unstructured(new JsonObject
            {
                ["apiVersion"] = "authentication.k8s.io/v1",
                ["kind"] = "TokenRequest",
                ["metadata"] = new JsonObject { ["name"] = request.ServiceAccount, ["namespace"] = request.Namespace },
                ["spec"] = spec,
            }),
            cancellation);
        return created.Get("status", "token")?.GetString()
            ?? throw new InvalidOperationException($"the API server gave no token for service account {request.Namespace}/{request.ServiceAccount}");
    }
}
