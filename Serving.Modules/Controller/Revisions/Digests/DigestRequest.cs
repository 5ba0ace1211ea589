namespace Serving.Controller.Revisions.Digests;

/// <summary>One image to resolve, and the credentials for its registry.</summary>
/// <param name="Image">The reference in the Revision.</param>
/// <param name="Namespace">The namespace of the Revision, its service account and its pull secrets.</param>
/// <param name="ServiceAccountName">The service account whose pull secrets are used; empty for <c>default</c>.</param>
/// <param name="ImagePullSecrets">Names of the Revision's own pull secrets.</param>
/// <param name="SkippedRegistries">Registries whose tags are not resolved.</param>
/// <param name="Timeout">The timeout of the registry.</param>
public sealed record DigestRequest(
    string Image,
    string Namespace,
    string ServiceAccountName,
    IReadOnlyList<string> ImagePullSecrets,
    IReadOnlySet<string> SkippedRegistries,
    TimeSpan Timeout
);
