using Serving.LocalCluster.ApiServer.Storage;
using Objects = System.Collections.Immutable.ImmutableSortedDictionary<string, Serving.LocalCluster.ApiServer.Storage.StoredObject>;

namespace Serving.LocalCluster.ApiServer.Security.Rbac;

/// <summary>
/// Role-based access control with the stored roles and bindings. Requests use a cached policy snapshot; after a change
/// of any role or binding the next request rebuilds it.
/// </summary>
internal sealed class RbacAuthorizer(ObjectStore store) : IAuthorizer
{
    private readonly Collection _clusterRoles = store.Collection(Rbac.Policy.Group, "clusterroles");
    private readonly Collection _roles = store.Collection(Rbac.Policy.Group, "roles");
    private readonly Collection _clusterRoleBindings = store.Collection(Rbac.Policy.Group, "clusterrolebindings");
    private readonly Collection _roleBindings = store.Collection(Rbac.Policy.Group, "rolebindings");
    private State? _state;

    public Decision Authorize(in AccessRequest request)
    {
        if (request.Caller.IsMaster)
            return new Decision(true);
        var policy = Policy();
        if (policy.Find(request) is { } grant)
            return grant.Allowed;
        var (caller, ns) = (request.Caller, request.Namespace);
        return new Decision(
            false,
            () =>
            {
                var problems = policy.Of(caller, ns).Select(g => g.Problem).OfType<string>().Distinct(StringComparer.Ordinal).ToList();
                return problems.Count == 0 ? "" : $"RBAC: {(problems.Count == 1 ? problems[0] : $"[{string.Join(", ", problems)}]")}";
            }
        );
    }

    /// <summary>The current policy.</summary>
    public Policy Policy()
    {
        var (clusterRoles, roles, clusterRoleBindings, roleBindings) = (
            _clusterRoles.Objects,
            _roles.Objects,
            _clusterRoleBindings.Objects,
            _roleBindings.Objects
        );
        var state = Volatile.Read(ref _state);
        if (
            state is not null
            && ReferenceEquals(state.ClusterRoles, clusterRoles)
            && ReferenceEquals(state.Roles, roles)
            && ReferenceEquals(state.ClusterRoleBindings, clusterRoleBindings)
            && ReferenceEquals(state.RoleBindings, roleBindings)
        )
            return state.Policy;

        // Two requests may rebuild it concurrently, with the same result.
        state = new State(
            clusterRoles,
            roles,
            clusterRoleBindings,
            roleBindings,
            new Policy(clusterRoles, roles, clusterRoleBindings, roleBindings)
        );
        Volatile.Write(ref _state, state);
        return state.Policy;
    }

    private sealed record State(Objects ClusterRoles, Objects Roles, Objects ClusterRoleBindings, Objects RoleBindings, Policy Policy);
}
