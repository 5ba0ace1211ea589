namespace Serving.LocalCluster.ApiServer.Security.Rbac;

/// <summary>What one subject of one binding gets.</summary>
internal sealed class Grant
{
    /// <param name="rules">The rules of the role; none when it is missing.</param>
    /// <param name="description">Which binding gives which role to whom.</param>
    /// <param name="problem">Why the binding gives nothing: its role is missing. Else null.</param>
    public Grant(PolicyRule[] rules, string description, string? problem)
    {
        Rules = rules;
        Problem = problem;
        Allowed = new Decision(true, () => $"RBAC: allowed by {description}");
    }

    public PolicyRule[] Rules { get; }

    public string? Problem { get; }

    /// <summary>The decision on a request that one of the rules allows.</summary>
    public Decision Allowed { get; }
}
