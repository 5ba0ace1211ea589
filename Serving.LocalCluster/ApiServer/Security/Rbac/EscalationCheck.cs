using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Security.Rbac;

/// <summary>Prevents privilege escalation: the writer of a role or a binding must hold its permissions, or have the verb escalate or
/// bind.</summary>
internal sealed class EscalationCheck(RbacAuthorizer authorizer)
{
    /// <summary>Rejects a write of a role or a binding that grants more than the caller has; other kinds pass.</summary>
    /// <param name="request">The request.</param>
    /// <param name="document">The new object.</param>
    /// <param name="old">The stored object; null for a create.</param>
    /// <exception cref="ApiException">403: the write grants more than the caller has.</exception>
    public void Check(ResourceRequest request, JsonObject document, JsonObject? old)
    {
        if (request.Resource.Group != Policy.Group || request.Caller.IsMaster || (old is not null && OnlyForCollection(old, document)))
            return;
        if (request.Resource.Kind is "Role" or "ClusterRole")
            CheckRole(request, document, old);
        else
            CheckBinding(request, document);
    }

    private void CheckRole(ResourceRequest request, JsonObject document, JsonObject? old)
    {
        var name = document.String("metadata", "name") ?? "";
        if (May(request, "escalate", request.Resource.Plural, name))
            return;
        Require(request, name, PolicyRule.ParseAll(document.Array("rules")));
        if (document["aggregationRule"] is null && old?["aggregationRule"] is null)
            return;
        if (Missing(request, PolicyRule.FullAuthority).Count > 0)
            throw ApiException.Forbidden(
                Policy.Group,
                request.Resource.Plural,
                name,
                "must have cluster-admin privileges to use an aggregationRule"
            );
    }

    private void CheckBinding(ResourceRequest request, JsonObject document)
    {
        var roleRef = document["roleRef"];
        var role = roleRef.String("name") ?? "";
        if (May(request, "bind", roleRef.String("kind") == "ClusterRole" ? "clusterroles" : "roles", role))
            return;
        var rules =
            authorizer.Policy().RulesOf(roleRef, request.Namespace)
            ?? throw ApiException.NotFound(Policy.Group, roleRef.String("kind") == "ClusterRole" ? "clusterroles" : "roles", role);
        Require(request, document.String("metadata", "name") ?? "", rules);
    }

    private bool May(ResourceRequest request, string verb, string resource, string name) =>
        authorizer
            .Authorize(AccessRequest.ToResource(request.Caller, verb, Policy.Group, resource, ns: request.Namespace, name: name))
            .IsAllowed;

    private void Require(ResourceRequest request, string name, IReadOnlyList<PolicyRule> rules)
    {
        var missing = Missing(request, rules);
        if (missing.Count == 0)
            return;
        var caller = request.Caller;
        var groups = string.Join(' ', caller.Groups.Select(g => $"\"{g}\""));
        throw ApiException.Forbidden(
            Policy.Group,
            request.Resource.Plural,
            name,
            $"user \"{caller.Name}\" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{string.Join('\n', missing)}"
        );
    }

    // The rules that the caller lacks in the object's namespace, one line per group and resource.
    private List<string> Missing(ResourceRequest request, IReadOnlyList<PolicyRule> rules)
    {
        var held = authorizer.Policy().Of(request.Caller, request.Namespace).SelectMany(g => g.Rules).ToList();
        return
        [
            .. rules
                .SelectMany(r => r.BreakDown())
                .Where(single => !held.Any(h => h.Covers(single)))
                .GroupBy(single => (single with { Verbs = [] }).ToString(), StringComparer.Ordinal)
                .Select(same =>
                    (same.First() with { Verbs = [.. same.Select(s => s.Verbs[0]).Distinct(StringComparer.Ordinal)] }).ToString()
                )
                .Order(StringComparer.Ordinal),
        ];
    }

    // The garbage collector removes finalizers and owners without holding the permissions of the object.
    private static bool OnlyForCollection(JsonObject old, JsonObject document)
    {
        return JsonNode.DeepEquals(Rest(old), Rest(document));

        static JsonObject Rest(JsonObject whole)
        {
            var rest = (JsonObject)whole.DeepClone();
            foreach (var field in (string[])["ownerReferences", "finalizers", "managedFields", "resourceVersion"])
                rest.Object("metadata")?.Remove(field);
            return rest;
        }
    }
}
