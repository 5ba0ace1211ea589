namespace Serving.LocalCluster.ApiServer.Security.Rbac;

/// <summary>The permissions of one subject of one binding.</summary>
internal sealed class Grant
{
    /// <param name="rules">The rules of the role; empty when the role does not exist.</param>
    /// <param name="description">The binding, role and subject, for messages.</param>
    /// <param name="problem">The error when the role of the binding does not exist; else null.</param>
    public Grant(PolicyRule[] rules, string description, string? problem)
    {
        Rules = rules;
        Problem = problem;
        Allowed = new Decision(true, () => $"RBAC: allowed by {description}");
    }

    public PolicyRule[] Rules { get; }

    public string? Problem { get; }

    /// <summary>The decision for a request that one of the rules allows.</summary>
    public Decision Allowed { get; }
}
