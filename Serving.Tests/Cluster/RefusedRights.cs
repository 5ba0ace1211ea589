namespace Serving.Tests.Cluster;

/// <summary>
/// Finds requests of the control plane that the API server denied: it runs as the installation's service accounts, with only the roles of
/// the installation, so each of these lines is a missing permission.
/// </summary>
internal static class RefusedRights
{
    private static readonly string[] Accounts = ["controller", "serving-dataplane"];

    /// <summary>The log lines of denied requests.</summary>
    public static IReadOnlyList<string> In(string log) =>
        [
            .. log.Split('\n')
                .Where(line =>
                    Accounts.Any(account =>
                        line.Contains($"User \"system:serviceaccount:knative-serving:{account}\" cannot", StringComparison.Ordinal)
                        || line.Contains($"User \\\"system:serviceaccount:knative-serving:{account}\\\" cannot", StringComparison.Ordinal)
                    )
                ),
        ];
}
