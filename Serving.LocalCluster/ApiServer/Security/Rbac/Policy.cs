using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;
using Objects = System.Collections.Immutable.ImmutableSortedDictionary<string, Serving.LocalCluster.ApiServer.Storage.StoredObject>;

namespace Serving.LocalCluster.ApiServer.Security.Rbac;

/// <summary>An immutable snapshot of all roles and bindings, indexed by subject.</summary>
internal sealed class Policy
{
    public const string Group = "rbac.authorization.k8s.io";

    // A role is parsed once per revision, even when the policy is rebuilt.
    private static readonly ConditionalWeakTable<StoredObject, PolicyRule[]> Rules = [];
    private static readonly SubjectGrants None = new();

    private readonly Objects _clusterRoles;
    private readonly Objects _roles;
    private readonly SubjectGrants _cluster = new();
    private readonly Dictionary<string, SubjectGrants> _namespaces = new(StringComparer.Ordinal);

    public Policy(Objects clusterRoles, Objects roles, Objects clusterRoleBindings, Objects roleBindings)
    {
        _clusterRoles = clusterRoles;
        _roles = roles;
        foreach (var binding in clusterRoleBindings.Values)
            Add(_cluster, binding, "");
        foreach (var binding in roleBindings.Values)
        {
            if (!_namespaces.TryGetValue(binding.Namespace, out var grants))
                _namespaces[binding.Namespace] = grants = new SubjectGrants();
            Add(grants, binding, binding.Namespace);
        }
    }

    /// <summary>The grant that allows a request, or null.</summary>
    public Grant? Find(in AccessRequest request) =>
        _cluster.Find(request)
        ?? (request.Namespace.Length > 0 && _namespaces.TryGetValue(request.Namespace, out var grants) ? grants.Find(request) : null);

    /// <summary>All grants of a caller in a namespace, or cluster-wide when it is empty.</summary>
    public IEnumerable<Grant> Of(Caller caller, string ns) =>
        _cluster.Of(caller).Concat((_namespaces.GetValueOrDefault(ns) ?? None).Of(caller));

    /// <summary>The rules of a binding's role; null when the role does not exist.</summary>
    public PolicyRule[]? RulesOf(JsonNode? roleRef, string ns)
    {
        var name = roleRef.String("name") ?? "";
        var role =
            roleRef.String("kind") == "ClusterRole" ? _clusterRoles.GetValueOrDefault(name) : _roles.GetValueOrDefault($"{ns}/{name}");
        return role is null ? null : RulesOf(role);
    }

    /// <summary>The rules of a role.</summary>
    public static PolicyRule[] RulesOf(StoredObject role) =>
        Rules.GetValue(role, static r => PolicyRule.ParseAll(r.Document().Array("rules")));

    private void Add(SubjectGrants grants, StoredObject binding, string ns)
    {
        var document = binding.Document();
        var roleRef = document["roleRef"];
        var rules = RulesOf(roleRef, ns);
        var problem = rules is null ? $"{roleRef.String("kind")?.ToLowerInvariant()}.{Group} \"{roleRef.String("name")}\" not found" : null;
        var bound = ns.Length == 0 ? $"ClusterRoleBinding \"{binding.Name}\"" : $"RoleBinding \"{binding.Name}/{ns}\"";
        foreach (var subject in document.Array("subjects") ?? [])
        {
            var (kind, name) = (subject.String("kind"), subject.String("name") ?? "");
            var home = subject.String("namespace") is { Length: > 0 } named ? named : ns;
            var shown = kind == "ServiceAccount" ? $"{name}/{home}" : name;
            var grant = new Grant(
                rules ?? [],
                $"{bound} of {roleRef.String("kind")} \"{roleRef.String("name")}\" to {kind} \"{shown}\"",
                problem
            );
            switch (kind)
            {
                case "User":
                    grants.AddUser(name, grant);
                    break;
                case "Group":
                    grants.AddGroup(name, grant);
                    break;
                case "ServiceAccount" when home.Length > 0:
                    grants.AddUser($"system:serviceaccount:{home}:{name}", grant);
                    break;
            }
        }
    }
}
