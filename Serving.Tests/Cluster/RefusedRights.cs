namespace Serving.Tests.Cluster;

/// <summary>
/// Finds what the API server refused to the control plane: it runs as the service accounts of the install, with nothing but the roles of the
/// install, so a line of these is a right that is missing there.
/// </summary>
internal static class RefusedRights
{
    private static readonly string[] Accounts = ["controller", "serving-dataplane"];

    /// <summary>The lines of a log that tell of a refusal.</summary>
    public static IReadOnlyList<string> In(string log)
        => [.. log.Split('\n').Where(line => Accounts.Any(account => line.Contains($"User \"system:serviceaccount:knative-serving:{account}\" cannot", StringComparison.Ordinal)
            || line.Contains($"User \\\"system:serviceaccount:knative-serving:{account}\\\" cannot", StringComparison.Ordinal)))];
}
