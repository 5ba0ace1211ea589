namespace Serving.LocalCluster.ApiServer.Security.Rbac;

/// <summary>The grants of one scope, the cluster or a namespace, indexed by subject. Filled once, then read-only.</summary>
internal sealed class SubjectGrants
{
    private readonly Dictionary<string, List<Grant>> _users = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<Grant>> _groups = new(StringComparer.Ordinal);

    public void AddUser(string name, Grant grant) => Add(_users, name, grant);

    public void AddGroup(string name, Grant grant) => Add(_groups, name, grant);

    /// <summary>The first grant with a rule that allows a request, or null. Allocates nothing.</summary>
    public Grant? Find(in AccessRequest request)
    {
        var found = Find(_users, request.Caller.Name, request);
        var groups = request.Caller.Groups;
        for (var i = 0; found is null && i < groups.Count; i++)
            found = Find(_groups, groups[i], request);
        return found;
    }

    /// <summary>All grants of a caller.</summary>
    public IEnumerable<Grant> Of(Caller caller) =>
        (_users.GetValueOrDefault(caller.Name) ?? []).Concat(caller.Groups.SelectMany(g => _groups.GetValueOrDefault(g) ?? []));

    private static void Add(Dictionary<string, List<Grant>> grants, string name, Grant grant)
    {
        if (!grants.TryGetValue(name, out var list))
            grants[name] = list = [];
        list.Add(grant);
    }

    private static Grant? Find(Dictionary<string, List<Grant>> grants, string name, in AccessRequest request)
    {
        if (!grants.TryGetValue(name, out var list))
            return null;
        foreach (var grant in list)
        {
            foreach (var rule in grant.Rules)
            {
                if (rule.Allows(request))
                    return grant;
            }
        }

        return null;
    }
}
