namespace Serving.Controller.Revisions.Digests;

/// <summary>One image to resolve, and what may be used to ask its registry.</summary>
/// <param name="Image">The reference as the Revision has it.</param>
/// <param name="Namespace">Where the Revision, its service account and its pull secrets are.</param>
/// <param name="ServiceAccountName">Whose pull secrets count; empty for <c>default</c>.</param>
/// <param name="ImagePullSecrets">Names of the Revision's own pull secrets.</param>
/// <param name="SkippedRegistries">Registries whose tags are not resolved.</param>
/// <param name="Timeout">How long the registry may take.</param>
public sealed record DigestRequest(
    string Image,
    string Namespace,
    string ServiceAccountName,
    IReadOnlyList<string> ImagePullSecrets,
    IReadOnlySet<string> SkippedRegistries,
    TimeSpan Timeout
);
